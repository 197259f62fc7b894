package records

import (
	"encoding/json"
	"fmt"
	"strings"
)

// LabelFilter is a condition on a record's labels.
type LabelFilter struct {
	text  string
	name  string // "" is any
	field string // any, none, truth, thumb, note or by
	value string // "" is any
}

// String is the condition as it was given.
func (l LabelFilter) String() string { return l.text }

// ParseLabelFilter reads [NAME:]any, none, truth, truth=JSON, thumb=up, thumb=down, note or by=WHO; NAME alone is NAME:any.
func ParseLabelFilter(text string) (LabelFilter, error) {
	l := LabelFilter{text: text, field: text}
	if name, rest, ok := strings.Cut(text, ":"); ok && labelName.MatchString(name) && !reserved[name] {
		l.name, l.field = name, rest
	}
	field, value, given := strings.Cut(l.field, "=")
	l.field, l.value = field, value
	switch {
	case !given && (field == "any" || field == "none" || field == "truth" || field == "note"):
	case field == "thumb" && (value == "up" || value == "down"):
	case field == "by" && value != "":
	case field == "truth" && value != "":
		l.value = truthText(value)
	case !given && l.name == "" && checkLabelName(field) == nil:
		l.name, l.field = field, "any"
	default:
		return l, fmt.Errorf("%w filter: %.80q: want [NAME:] and one of any, none, truth, truth=JSON, thumb=up, thumb=down, note, by=WHO, or a label's NAME", ErrBadLabel, text)
	}
	return l, nil
}

// truthText is JSON as labels keep it; a bare word stands for the string.
func truthText(value string) string {
	if plain, err := compact(json.RawMessage(value)); err == nil {
		return string(plain)
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return value
	}
	return string(quoted)
}

// clause is the condition on a row's id.
func (l LabelFilter) clause() (text string, args []any) {
	var and []string
	add := func(condition string, values ...any) {
		and = append(and, condition)
		args = append(args, values...)
	}
	if l.name != "" {
		add("name = ?", l.name)
	}
	switch {
	case l.field == "thumb":
		add("thumb = ?", l.value)
	case l.field == "by":
		add("by = ?", l.value)
	case l.field == "note":
		add("note <> ''")
	case l.field == "truth" && l.value == "":
		add("truth IS NOT NULL")
	case l.field == "truth":
		add("truth = ?", l.value)
	}
	in := "id IN"
	if l.field == "none" {
		in = "id NOT IN"
	}
	text = in + " (SELECT id FROM labels"
	if len(and) > 0 {
		text += " WHERE " + strings.Join(and, " AND ")
	}
	return text + ")", args
}
