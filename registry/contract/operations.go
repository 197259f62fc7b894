package contract

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxChanges bounds a report.
const maxChanges = 300

// Compare tells what changed from one document to the next, seen by callers that were written for the old one.
func Compare(old, next *Document) Report {
	c := newComparer(old, next)
	before, after := byKey(old.ops), byKey(next.ops)
	var out []Change
	for _, key := range keys(before) {
		a := before[key]
		b, still := after[key]
		found := []Change{{Level: Breaks, Kind: OperationRemoved, Text: "is gone"}}
		if still {
			found = c.operations(a, b)
		}
		out = append(out, named(a.name, found)...)
	}
	for _, key := range keys(after) {
		if _, had := before[key]; !had {
			out = append(out, named(after[key].name, []Change{{Level: Harmless, Kind: OperationAdded, Text: "is new"}})...)
		}
	}
	return c.report(out)
}

// report orders changes and bounds them; what breaks is the last to be left out.
func (c *comparer) report(all []Change) Report {
	rank := map[Level]int{Breaks: 0, MayBreak: 1, Harmless: 2}
	worst := map[string]int{}
	for _, ch := range all {
		if r, ok := worst[ch.Operation]; !ok || rank[ch.Level] < r {
			worst[ch.Operation] = rank[ch.Level]
		}
	}
	slices.SortStableFunc(all, func(a, b Change) int {
		if d := worst[a.Operation] - worst[b.Operation]; d != 0 {
			return d
		}
		if d := strings.Compare(a.Operation, b.Operation); d != 0 {
			return d
		}
		return rank[a.Level] - rank[b.Level]
	})
	all = slices.CompactFunc(all, func(a, b Change) bool { return a == b })
	if len(all) > maxChanges {
		c.cut = true
		slices.SortStableFunc(all, func(a, b Change) int { return rank[a.Level] - rank[b.Level] })
		all = all[:maxChanges]
	}
	return Report{Changes: all, Cut: c.cut}
}

// named says which operation changes are of, and puts that in front of their sentences.
func named(operation string, in []Change) []Change {
	for i, ch := range in {
		subject := operation
		if ch.Where != "" {
			subject += ", " + ch.Where
		}
		if ch.Path != "" {
			subject += ", " + ch.Path
		}
		in[i].Operation, in[i].Text = operation, subject+": "+ch.Text
	}
	return in
}

func byKey(ops []operation) map[string]operation {
	out := make(map[string]operation, len(ops))
	for _, o := range ops {
		out[o.key] = o
	}
	return out
}

func (c *comparer) operations(a, b operation) []Change {
	var out []Change
	if anonymousCaller(c.old, a) && !anonymousCaller(c.next, b) {
		out = append(out, Change{Level: Breaks, Kind: AuthRequired, Text: "callers must say who they are now"})
	}
	out = append(out, c.parameters(a, b)...)
	out = append(out, c.bodies(a, b)...)
	return append(out, c.responses(a, b)...)
}

// anonymousCaller reports whether an operation can be called without credentials.
func anonymousCaller(d *Document, o operation) bool {
	security, own := o.op["security"].([]any)
	if !own {
		security = list(d.root["security"])
	}
	return len(security) == 0 || slices.ContainsFunc(security, func(s any) bool { return len(object(s)) == 0 })
}

// parameter is one of an operation.
type parameter struct {
	where    string // "query limit"
	required bool
	schema   node
}

// parametersOf are an operation's parameters; those of the path are known by their place in it.
func parametersOf(d *Document, o operation) map[string]parameter {
	out := map[string]parameter{}
	read := func(all []any, at string) {
		for i, v := range all {
			m, at := d.deref(object(v), at+"/parameters/"+strconv.Itoa(i))
			in, name := text(m["in"]), text(m["name"])
			if in == "" || in == "header" && slices.Contains([]string{"accept", "content-type", "authorization"}, strings.ToLower(name)) {
				continue // OpenAPI has them ignored
			}
			out[keyOf(o, in, name)] = parameter{in + " " + clip(name), flag(m["required"]), parameterSchema(m, at)}
		}
	}
	read(list(o.item["parameters"]), strings.TrimSuffix(o.at, o.at[strings.LastIndex(o.at, "/"):]))
	read(list(o.op["parameters"]), o.at)
	return out
}

func keyOf(o operation, in, name string) string {
	switch in {
	case "path":
		return in + " " + strconv.Itoa(strings.Count(o.name[:max(0, strings.Index(o.name, "{"+name+"}"))], "{"))
	case "header":
		name = strings.ToLower(name)
	}
	return in + " " + name
}

func parameterSchema(m map[string]any, at string) node {
	if schema, ok := m["schema"]; ok {
		return node{{schema, at + "/schema"}}
	}
	for _, media := range keys(object(m["content"])) {
		return node{{object(object(m["content"])[media])["schema"], at + "/content/" + escape(media) + "/schema"}}
	}
	return orAny(nil)
}

func (c *comparer) parameters(a, b operation) []Change {
	before, after := parametersOf(c.old, a), parametersOf(c.next, b)
	var out []Change
	for _, key := range keys(before) {
		was := before[key]
		is, still := after[key]
		if !still {
			out = append(out, Change{Level: Breaks, Kind: ParameterRemoved, Where: was.where, Text: "is not taken any more"})
			continue
		}
		if is.required && !was.required {
			out = append(out, Change{Level: Breaks, Kind: BecameRequired, Where: was.where, Text: "is required now"})
		}
		out = append(out, at(was.where, "", c.schemas(request, was.schema, is.schema))...)
	}
	for _, key := range keys(after) {
		if _, had := before[key]; had {
			continue
		}
		ch := Change{Level: Harmless, Kind: ParameterAdded, Where: after[key].where, Text: "is new"}
		if after[key].required {
			ch.Level, ch.Kind, ch.Text = Breaks, NewRequired, "is required now, and was not known"
		}
		out = append(out, ch)
	}
	return out
}

// at says where changes are, and what their paths begin with.
func at(where, root string, in []Change) []Change {
	out := under(root, in)
	for i := range out {
		out[i].Where = where
	}
	return out
}

func (c *comparer) bodies(a, b operation) []Change {
	was, atWas := c.old.deref(object(a.op["requestBody"]), a.at+"/requestBody")
	is, atIs := c.next.deref(object(b.op["requestBody"]), b.at+"/requestBody")
	const where = "request"
	switch {
	case was == nil && is == nil:
		return nil
	case is == nil:
		return []Change{{Level: Breaks, Kind: BodyRemoved, Where: where, Text: "a body is not taken any more"}}
	case was == nil && flag(is["required"]):
		return []Change{{Level: Breaks, Kind: NewRequired, Where: where, Text: "a body is required now"}}
	case was == nil:
		return []Change{{Level: Harmless, Kind: MediaAdded, Where: where, Text: "takes a body now"}}
	}
	var out []Change
	if flag(is["required"]) && !flag(was["required"]) {
		out = append(out, Change{Level: Breaks, Kind: BecameRequired, Where: where, Text: "a body is required now"})
	}
	return append(out, c.contents(request, where, content{was, atWas}, content{is, atIs})...)
}

// content is an object with a `content` map, and where it lies.
type content struct {
	holder map[string]any
	at     string
}

// media are the types of a content, by their names without parameters.
func (c content) media() map[string]node {
	all := object(c.holder["content"])
	out := make(map[string]node, len(all))
	for name, v := range all {
		schema, ok := object(v)["schema"]
		if !ok {
			schema = true
		}
		short, _, _ := strings.Cut(strings.ToLower(name), ";")
		out[strings.TrimSpace(short)] = node{{schema, c.at + "/content/" + escape(name) + "/schema"}}
	}
	return out
}

func (c *comparer) contents(dir direction, where string, old, next content) []Change {
	before, after := old.media(), next.media()
	var out []Change
	for _, media := range keys(before) {
		is, ok := covering(after, media)
		if !ok {
			text := media + " is not taken any more"
			if dir == response {
				text = media + " is not answered any more"
			}
			out = append(out, Change{Level: Breaks, Kind: MediaRemoved, Where: where, Old: media, Text: text})
			continue
		}
		label := where
		if len(before) > 1 {
			label += " as " + media
		}
		out = append(out, at(label, "$", c.schemas(dir, before[media], is))...)
	}
	for _, media := range keys(after) {
		if _, had := covering(before, media); !had {
			out = append(out, Change{Level: Harmless, Kind: MediaAdded, Where: where, New: media, Text: media + " is new"})
		}
	}
	return out
}

// covering finds a media type, or the range that it is in.
func covering(in map[string]node, media string) (node, bool) {
	kind, _, _ := strings.Cut(media, "/")
	for _, name := range []string{media, kind + "/*", "*/*"} {
		if n, ok := in[name]; ok {
			return n, true
		}
	}
	return nil, false
}

// responses compares the answers of calls that succeed.
func (c *comparer) responses(a, b operation) []Change {
	before, after := object(a.op["responses"]), object(b.op["responses"])
	var out []Change
	for _, status := range succeeding(before) {
		where := "response " + status
		to, ok := statusOf(after, status)
		if !ok {
			out = append(out, Change{Level: Breaks, Kind: StatusRemoved, Where: where, Old: status, Text: "is gone"})
			continue
		}
		was, atWas := c.old.deref(object(before[status]), a.at+"/responses/"+status)
		is, atIs := c.next.deref(object(after[to]), b.at+"/responses/"+to)
		out = append(out, c.contents(response, where, content{was, atWas}, content{is, atIs})...)
	}
	for _, status := range succeeding(after) {
		if _, had := statusOf(before, status); !had {
			out = append(out, Change{Level: Harmless, Kind: StatusAdded, Where: "response " + status, New: status, Text: "is new"})
		}
	}
	return out
}

// succeeding are the statuses of success, or "default" where it is all there is.
func succeeding(responses map[string]any) []string {
	var out []string
	for status := range maps.Keys(responses) {
		if strings.HasPrefix(status, "2") {
			out = append(out, status)
		}
	}
	slices.Sort(out)
	if _, ok := responses["default"]; ok && len(out) == 0 {
		out = []string{"default"}
	}
	return out
}

// statusOf finds what describes the answers of a status.
func statusOf(responses map[string]any, status string) (string, bool) {
	for _, name := range []string{status, "2XX", "2xx", "default"} {
		if _, ok := responses[name]; ok {
			return name, true
		}
	}
	return "", false
}
