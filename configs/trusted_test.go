package configs

import (
	"fmt"
	"testing"
)

func TestTrustedProxies(t *testing.T) {
	got, err := TrustedProxies([]string{"127.0.0.1", "10.1.2.3/8", "::1", "::ffff:192.0.2.1"})
	if want := "[127.0.0.1/32 10.0.0.0/8 ::1/128 192.0.2.1/32]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
	for _, bad := range []string{"", "localhost", "10.0.0.0/33", "10.0.0.1:80"} {
		if got, err := TrustedProxies([]string{bad}); err == nil {
			t.Errorf("%q gave %v", bad, got)
		}
	}
	s := DefaultSettings()
	s.Trusted = []string{"x"}
	if err := s.Validate(); err == nil {
		t.Error("nonsense is a valid setting")
	}
}
