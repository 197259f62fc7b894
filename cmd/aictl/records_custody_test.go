package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aictl/api"
)

func TestRecordsVerify(t *testing.T) {
	s := newServer(t)
	head := strings.Repeat("ab", 32)
	sound := api.RecordVerdict{SchemaVersion: 1, Sound: true, Days: []api.RecordDayVerdict{{Day: "2026-11-20", Records: 12, Sealed: 12, Erased: 3, Removed: 4, Head: head}}}
	s.answer("GET /api/v1/records/verify", sound)
	s.run(t, "records", "verify", "--since", "2026-11-20 00:00").want(t, exitOK, []string{"2026-11-20", "12", "sound"}, nil)
	s.run(t, "records", "verify", "--lang", "zh").want(t, exitOK, []string{"完好"}, nil)
	s.run(t, "records", "verify", "--since", "soon").want(t, exitUsage, nil, []string{"soon"})

	seals := api.RecordSeals{SchemaVersion: 1, Seals: []api.RecordSeal{{Day: "2026-11-20", Count: 12, Head: head, SealedAt: now}}}
	s.answer("GET /api/v1/records/seals", seals)
	s.run(t, "records", "seals").want(t, exitOK, []string{"2026-11-20", head}, nil)
	exported := s.run(t, "records", "seals", "-o", "json")
	file := filepath.Join(t.TempDir(), "seals.json")
	if err := os.WriteFile(file, []byte(exported.out), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(t, "records", "verify", "--seals", file).want(t, exitOK, []string{"sound"}, nil)
	changed := newServer(t)
	changed.answer("GET /api/v1/records/verify", sound)
	seals.Seals[0].Head = strings.Repeat("cd", 32)
	changed.answer("GET /api/v1/records/seals", seals)
	changed.run(t, "records", "verify", "--seals", file).want(t, exitFailed, []string{"seal of 12 records is not the one in the file"}, nil)
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(t, "records", "verify", "--seals", file).want(t, exitFailed, nil, []string{"holds no seals"})
	s.run(t, "records", "verify", "--seals", file+"x").want(t, exitFailed, nil, []string{"no such file"})

	sound.Sound, sound.Days[0].Bad = false, &api.BadRecord{Seq: 7, ID: "0193f0c2", Reason: "its row is missing"}
	s = newServer(t)
	s.answer("GET /api/v1/records/verify", sound)
	s.run(t, "records", "verify").want(t, exitFailed, []string{"record 7 (0193f0c2): its row is missing"}, nil)
	s.run(t, "records", "verify", "-o", "json").want(t, exitFailed, []string{`"seq": 7`, `"sound": false`}, nil)

	s.answer("POST /api/v1/records/seal", api.RecordSeals{SchemaVersion: 1, Seals: []api.RecordSeal{}})
	s.run(t, "records", "seals", "--now").want(t, exitOK, nil, []string{"no day is sealed yet"})
}

func TestRecordsErase(t *testing.T) {
	s := newServer(t)
	s.answer("DELETE /api/v1/records", api.RecordsErased{SchemaVersion: 1, Erased: 7, Bodies: 1, Warnings: []string{"2026-11-19.corrupt-1.db is set aside"}})
	s.run(t, "records", "erase", "--user", "ann").want(t, exitUsage, nil, []string{"--yes"})
	s.run(t, "records", "erase", "--user", "ann", "--yes").want(t, exitOK, nil, []string{"erased 7 records", "set aside"})
	s.sawRequest(t, "DELETE /api/v1/records?user=ann")
	s.run(t, "records", "erase", "--yes").want(t, exitUsage, nil, []string{"--all"})
	s.run(t, "records", "erase", "--all", "--user", "ann", "--yes").want(t, exitUsage, nil, []string{"--all"})
	s.run(t, "records", "erase", "--all", "-y", "-o", "json").want(t, exitOK, []string{`"erased": 7`}, nil)
	s.sawRequest(t, "DELETE /api/v1/records?all=true")
}
