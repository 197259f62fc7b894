package compare

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxShown bounds a value in an example, in bytes.
const maxShown = 200

// textDifference is what two texts do not have in common at their first difference: the lines there, with their
// numbers.
func textDifference(a, b string) (left, right string) {
	la, lb := strings.Split(a, "\n"), strings.Split(b, "\n")
	i := 0
	for i < len(la) && i < len(lb) && la[i] == lb[i] {
		i++
	}
	line := func(lines []string) string {
		if i >= len(lines) {
			return fmt.Sprintf("ends after line %d", len(lines))
		}
		return fmt.Sprintf("line %d: %s", i+1, lines[i])
	}
	return line(la), line(lb)
}

// summary describes a body that is not shown.
func summary(r *reading) string {
	if r.is == contentEmpty {
		return "empty"
	}
	sum := "unknown"
	if r.SHA256 != [32]byte{} {
		sum = hex.EncodeToString(r.SHA256[:6])
	}
	kind := r.is.String() + ", "
	if r.is == contentUnknown {
		kind = ""
	}
	return fmt.Sprintf("%s%d bytes, sha256 %s", kind, r.Size, sum)
}

// shown is a value for an example: JSON on one line, cut when it is long.
func shown(v any, there bool) string {
	if !there {
		return ""
	}
	text, err := json.Marshal(v)
	if err != nil { // what was decoded can be encoded
		panic(err)
	}
	if len(text) <= maxShown {
		return string(text)
	}
	cut := maxShown
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return string(text[:cut]) + "…"
}
