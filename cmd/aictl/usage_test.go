package main

import (
	"strings"
	"testing"
)

// What is dear to count is asked for only where it is shown.
func TestStatusCountsFilesWhenTheyAreShown(t *testing.T) {
	s := newServer(t)
	list := fleet()
	list.Services[0].Instances[0].Processes, list.Services[0].Instances[0].OpenFiles = 3, 41
	list.Services[0].Instances[1].Processes, list.Services[0].Instances[1].OpenFiles = 2, 9
	s.answer("GET /api/v1/services", list)
	for format, shown := range map[string][]string{
		"table": nil,
		"wide":  {"PROCS", "FILES", "41", "50"},
		"json":  {`"processes": 3`, `"open_files": 41`},
		"yaml":  {"open_files: 9"},
	} {
		s.asked = nil
		got := s.run(t, "status", "-o", format)
		got.want(t, exitOK, shown, nil)
		if asked := strings.Contains(s.asked[0], "usage=true"); asked != (format != "table") {
			t.Errorf("-o %s asked %q", format, s.asked)
		}
		if format == "table" && strings.Contains(got.out, "FILES") {
			t.Errorf("files are in the narrow table:\n%s", got.out)
		}
	}
}
