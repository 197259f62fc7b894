package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// vocabulary are the words that come from the server and are shown translated.
var vocabulary = strings.Fields(`
	stopped starting running unhealthy backoff stopping fatal healthy none
	queued live failed superseded cancelled interrupted done skipped
	exited step applied refused
	idle sending retrying stuck
	succeeded unknown schedule user boot deploy
	fetch checkout manifest environment hook start health interface switch drain
	complete client_abort upstream_abort upstream_error timeout unavailable shutdown lost
	candidate canary shadow verify promoted ended changed
	warn gate off breaks may-break harmless
	release environment left-over deploys lfs mirror rolling
	pending success failure error`)

// sourceMessages are the English texts of all calls of the named functions in a directory's Go files.
func sourceMessages(t *testing.T, dir string, functions ...string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources in %s: %v", dir, err)
	}
	found := make(map[string]string)
	fset := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(fset, name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !slices.Contains(functions, calledName(call)) {
				return true
			}
			for _, arg := range call.Args {
				text, ok := literal(arg)
				if !ok {
					break
				}
				found[text] = fset.Position(call.Pos()).String()
				if calledName(call) != "count" {
					break
				}
			}
			return true
		})
	}
	return found
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		}
	case *ast.BinaryExpr:
		left, okL := literal(e.X)
		right, okR := literal(e.Y)
		return left + right, okL && okR
	}
	return "", false
}

var verb = regexp.MustCompile(`%[-+# 0]*[0-9]*(\.[0-9]+)?(\[[0-9]+\])?[a-zA-Z%]`)

// TestEveryMessageIsInChinese: each message has a counterpart with the same verbs in the same order and the same flag
// placeholders, and none is left over.
func TestEveryMessageIsInChinese(t *testing.T) {
	used := sourceMessages(t, ".", "t", "errorf")
	maps.Copy(used, sourceMessages(t, "../../doctor", "say"))
	for _, word := range vocabulary {
		used[word] = "vocabulary"
	}
	for english, where := range used {
		if strings.TrimSpace(verb.ReplaceAllString(english, "")) == "" {
			continue // nothing to translate
		}
		zh, ok := messagesZH()[english]
		if !ok {
			t.Errorf("%s: no Chinese for %q", where, english)
			continue
		}
		if strings.ContainsRune(english, '%') && !slices.Equal(verb.FindAllString(english, -1), verb.FindAllString(zh, -1)) {
			t.Errorf("%s: other verbs in %q than in %q", where, zh, english)
		}
		for _, placeholder := range regexp.MustCompile("`[^` ]+`").FindAllString(english, -1) {
			if !strings.Contains(zh, placeholder) {
				t.Errorf("%s: %q lacks %s", where, zh, placeholder)
			}
		}
	}
	for english := range messagesZH() {
		if _, ok := used[english]; !ok {
			t.Errorf("nothing says %q any more", english)
		}
	}
}

func TestPickLanguage(t *testing.T) {
	tests := []struct {
		args string
		env  map[string]string
		want language
		bad  bool
	}{
		{"status", nil, english, false},
		{"status", map[string]string{"LANG": "zh_CN.UTF-8"}, chinese, false},
		{"status", map[string]string{"LANG": "de_DE.UTF-8"}, english, false},
		{"status", map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, english, false},
		{"status", map[string]string{"LANG": "en_US", "LC_MESSAGES": "zh_TW"}, chinese, false},
		{"status --lang zh", map[string]string{"LANG": "en_US"}, chinese, false},
		{"--lang=en status", map[string]string{"LANG": "zh_CN"}, english, false},
		{"call x -- --lang zh", nil, english, false},
		{"--lang fr status", nil, english, true},
	}
	for _, tt := range tests {
		got, err := pickLanguage(strings.Fields(tt.args), func(k string) string { return tt.env[k] })
		if got != tt.want || (err != nil) != tt.bad {
			t.Errorf("%s with %v: %s, %v", tt.args, tt.env, got, err)
		}
	}
}

func TestEveryMessageHasOneTranslation(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, part := range partsZH() {
		for english, chinese := range part {
			if before, ok := seen[english]; ok && before != chinese {
				t.Errorf("%q is %q and %q: give one of them another English text", english, before, chinese)
			}
			seen[english] = chinese
		}
	}
}
