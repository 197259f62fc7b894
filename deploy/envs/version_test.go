package envs

import "testing"

func TestVersionOrder(t *testing.T) {
	t.Parallel()
	ordered := []string{"0.9", "1.0.dev1", "1.0a1.dev2", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0.post1.dev1", "1.0.post1", "1.0.1", "1.10", "1!0.1"}
	for k := 1; k < len(ordered); k++ {
		v, ok := parseVersion(ordered[k-1])
		w, fine := parseVersion(ordered[k])
		if !ok || !fine || v.compare(w) >= 0 || w.compare(v) <= 0 {
			t.Errorf("%s is not below %s", ordered[k-1], ordered[k])
		}
	}
	for _, same := range [][2]string{{"1.0", "1"}, {"1.0+cpu", "1.0"}, {"V1.0-RC.1", "1.0rc1"}, {"1.0-1", "1.0.post1"}} {
		v, ok := parseVersion(same[0])
		w, fine := parseVersion(same[1])
		if !ok || !fine || v.compare(w) != 0 {
			t.Errorf("%s is not %s", same[0], same[1])
		}
	}
	for _, bad := range []string{"", "one", "1..2", "1.0 ; x", "3.11.*"} {
		if _, ok := parseVersion(bad); ok {
			t.Errorf("%q is read as a version", bad)
		}
	}
}

func TestConstraints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version, constraint string
		want                bool
	}{
		{"3.11.7", ">=3.10", true}, {"3.11.7", ">=3.10,<3.11", false}, {"3.11.7", ">= 3.10, < 4", true}, {"3.11.7", ">=3.9 <4", true},
		{"3.11.7", "^3.10", true}, {"4.0", "^3.10", false}, {"0.3.1", "^0.2.3", false}, {"0.2.9", "^0.2.3", true}, {"0.0.4", "^0.0.3", false},
		{"3.11.7", "~3.11", true}, {"3.12", "~3.11", false}, {"3.12", "~3", true}, {"3.11.7", "~=3.10", true}, {"3.11.7", "~=3.10.1", false},
		{"3.11.7", "3.11.*", true}, {"3.11.7", "==3.11.*", true}, {"3.11.7", "!=3.11.*", false}, {"3.11.7", "*", true}, {"3.11.7", "", true},
		{"3.11.7", "~2.7 || ^3.6", true}, {"3.11.7", "2.7 | 3.11.7", true}, {"3.11.7", "!=3.11.7", false}, {"2.4", "<2", false},
	} {
		if got, err := satisfies(c.version, c.constraint); err != nil || got != c.want {
			t.Errorf("%s within %q: %t, %v", c.version, c.constraint, got, err)
		}
	}
	for _, bad := range []string{">=x", ">=", "@3"} {
		if _, err := satisfies("3.11", bad); err == nil {
			t.Errorf("%q is taken for a constraint", bad)
		}
	}
}

func TestMarkers(t *testing.T) {
	t.Parallel()
	tg := targetOf(interpreter{version: "3.11.7"})
	for marker, want := range map[string]bool{
		"": true, "python_version < '3.10'": false, `python_version >= "3.9" and sys_platform == "linux"`: true,
		"sys_platform == 'win32' or python_full_version == '3.11.*'": true, "'3.9' <= python_version": true,
		"(sys_platform == 'win32' or os_name == 'posix') and implementation_name != 'pypy'": true,
		"python_version in '3.10 3.11'": true, "python_version not in '3.10 3.12'": true, "extra == 'Fast_Mode'": true, "extra != 'slow'": true,
		"extra == 'slow'": false, "os.name == 'posix'": true, "platform_system == 'Linux'": true, "python_version ~= '3.10'": true,
	} {
		if got, err := tg.holds(marker, []string{"fast-mode"}); err != nil || got != want {
			t.Errorf("%q: %t, %v", marker, got, err)
		}
	}
	for _, bad := range []string{"python_version", "python_version <", "weather == 'good'", "(os_name == 'nt'", "os_name == 'nt' os_name", "os_name 'nt'", "os_name = 'nt'", "os_name not 'nt'", "extra < 'a'", "§"} {
		if _, err := tg.holds(bad, nil); err == nil {
			t.Errorf("%q is taken for a marker", bad)
		}
	}
}

func FuzzMarkers(f *testing.F) {
	f.Add("python_version < '3.10' and (os_name == 'nt' or extra == 'x')")
	tg := targetOf(interpreter{version: "3.11.7"})
	f.Fuzz(func(t *testing.T, marker string) {
		if ok, err := tg.holds(marker, nil); err != nil && ok {
			t.Errorf("%q holds and is wrong: %v", marker, err)
		}
	})
}
