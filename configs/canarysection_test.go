package configs

import (
	"reflect"
	"testing"
	"time"
)

func TestCanarySection(t *testing.T) {
	got := good(t, "canary.yaml")
	want := Canary{Steps: []float64{1, 12.5, 100}, Every: Duration(30 * time.Second), Wait: Duration(10 * time.Minute), MaxErrorRate: 0.005, MaxLatency: 2, MinRequests: 50, TooFew: TooFewPromote}
	if got.Strategy != CanaryDeploy || !reflect.DeepEqual(got.Canary, want) {
		t.Errorf("got %s %+v", got.Strategy, got.Canary)
	}
	if filled := got.Canary.Filled(); !reflect.DeepEqual(filled, want) {
		t.Errorf("filling changed what was given: %+v", filled)
	}
	stored, err := got.JSON()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ManifestFromJSON(stored)
	if err != nil || !reflect.DeepEqual(back.Canary, want) {
		t.Errorf("read back %+v, %v", back, err)
	}
}

func TestCanaryDefaults(t *testing.T) {
	c := Canary{Every: Duration(time.Hour)}.Filled()
	if !reflect.DeepEqual(c.Steps, []float64{5, 25, 50}) || c.Wait != c.Every || c.MaxErrorRate != 0.01 || c.MaxLatency != 1.5 || c.MinRequests != 100 || c.TooFew != TooFewRollback {
		t.Errorf("got %+v", c)
	}
}
