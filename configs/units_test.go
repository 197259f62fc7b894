package configs

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	for in, want := range map[string]Size{
		"0": 0, "512": 512, "10MB": 10_000_000, "10 mb": 10_000_000, "2GiB": 2 << 30, "1.5KiB": 1536, "3B": 3, "1TB": 1e12, "64KiB": 64 << 10,
	} {
		var got Size
		if err := got.UnmarshalText([]byte(in)); err != nil || got != want {
			t.Errorf("%s: %d, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"": "not a size", "MB": "not a size", "ten": "not a size", "-1": "negative", "-1.5MB": "negative", "2G": "write 2GB", "9m": "write 9MB",
		"9999999999TB": "too large", "1e300": "too large", "nan": "not a size", "inf": "too large",
	} {
		var got Size
		if err := got.UnmarshalText([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %d, %v", in, got, err)
		}
	}
	for want, in := range map[string]Size{"10MB": 10_000_000, "2GiB": 2 << 30, "1500": 1500, "1KB": 1000, "0": 0, "1": 1, "512": 512} {
		if got := in.String(); got != want {
			t.Errorf("%d: %s, want %s", in, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{"10s": 10 * time.Second, "1h30m": 90 * time.Minute, "30d": 720 * time.Hour, "0s": 0, " 2m ": 2 * time.Minute} {
		var got Duration
		if err := got.UnmarshalText([]byte(in)); err != nil || time.Duration(got) != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{"10": "no unit", "fast": "not a duration", "": "not a duration", "99999999999d": "not a duration"} {
		var got Duration
		if err := got.UnmarshalText([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for want, in := range map[string]time.Duration{
		"10s": 10 * time.Second, "2m": 2 * time.Minute, "1h": time.Hour, "1h30m": 90 * time.Minute, "24h": 24 * time.Hour, "30d": 720 * time.Hour, "1.5s": 1500 * time.Millisecond, "0s": 0, "1m10s": 70 * time.Second, "-48h": -48 * time.Hour,
	} {
		if got := Duration(in).String(); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
}

func TestUnitsInJSON(t *testing.T) {
	var v struct {
		D Duration
		S Size
		N Size
	}
	if err := json.Unmarshal([]byte(`{"D":"2m","S":"1MiB","N":1500}`), &v); err != nil {
		t.Fatal(err)
	}
	if data, err := json.Marshal(v); err != nil || string(data) != `{"D":"2m","S":"1MiB","N":"1500"}` {
		t.Errorf("%s, %v", data, err)
	}
	for _, bad := range []string{`{"D":120}`, `{"S":"x"}`, `{"S":[1]}`, `{"S":true}`} {
		if err := json.Unmarshal([]byte(bad), &v); err == nil {
			t.Errorf("%s was read as %+v", bad, v)
		}
	}
}

func TestPortRange(t *testing.T) {
	for in, want := range map[string]PortRange{"8001-8999": {8001, 8999}, "80": {80, 80}, " 1 - 65535 ": {1, 65535}} {
		var got PortRange
		if err := got.UnmarshalText([]byte(in)); err != nil || got != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "-", "0-5", "9-8", "1-65536", "a-b", "1-2-3"} {
		var got PortRange
		if err := got.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q was read as %v", in, got)
		}
	}
}
