package main

import (
	"strings"
	"testing"

	"aictl/api"
)

func someCanary() api.CanaryDocument {
	return api.CanaryDocument{SchemaVersion: 1, Canary: api.Canary{
		Service: "ocr", Release: "r12-1a2b3c4d", Live: "r11-00000000", Weight: 12.5, Header: "X-Canary: 1", Instances: []string{"ocr/2"}, Ready: 1,
		Sides: api.Sides{Live: api.Side{Requests: 700, P50: 4, P95: 12.4}, Canary: api.Side{Requests: 100, Errors: 3, P50: 5, P95: 1250}},
	}}
}

func TestCanaryCommand(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/services/ocr/canary", someCanary())
	s.answer("POST /api/v1/services/ocr/canary", someCanary())
	s.answer("POST /api/v1/services/ocr/canary/stop", someCanary())
	s.run(t, "canary", "ocr").want(t, exitOK, []string{"12.5 % of the requests go to r12-1a2b3c4d", "those with X-Canary: 1 go to", "3 (3 %)", "1.25s", "700"}, nil)
	for args, asked := range map[string]string{
		"canary ocr --to r12":                            `POST /api/v1/services/ocr/canary {"to":"r12"}`,
		"canary ocr --to r12 --weight 0 --header X-C:_1": `POST /api/v1/services/ocr/canary {"to":"r12","weight":0,"header":"X-C: 1"}`,
		"canary ocr --weight 50":                         `POST /api/v1/services/ocr/canary {"weight":50}`,
		"canary ocr --header=":                           `POST /api/v1/services/ocr/canary {"header":""}`,
		"canary ocr --to r12 --replicas 3":               `POST /api/v1/services/ocr/canary {"to":"r12","replicas":3}`,
		"canary ocr --stop":                              `POST /api/v1/services/ocr/canary/stop`,
	} {
		s.asked = nil
		words := strings.Fields(args)
		for k := range words {
			words[k] = strings.ReplaceAll(words[k], "_", " ")
		}
		s.run(t, words...).want(t, exitOK, nil, nil)
		if len(s.asked) != 1 || s.asked[0] != asked {
			t.Errorf("%s asked %q", args, s.asked)
		}
	}
	for _, args := range []string{"canary ocr --to r12 --stop", "canary ocr --stop --promote", "canary ocr --promote --weight 1", "canary"} {
		s.run(t, strings.Fields(args)...).want(t, exitUsage, nil, nil)
	}
	doc := someCanary()
	doc.Canary.Ready, doc.Canary.Reason = 0, "ocr/2 is unhealthy"
	dead := newServer(t)
	dead.answer("GET /api/v1/services/ocr/canary", doc)
	dead.run(t, "canary", "ocr").want(t, exitOK, []string{"all requests go to r11-00000000: ocr/2 is unhealthy"}, nil)
}

func TestShadowCommand(t *testing.T) {
	s := newServer(t)
	doc := api.ShadowDocument{SchemaVersion: 1, Shadow: api.Shadow{Service: "ocr", Target: "ocr-next", Percent: 20, Manifest: true,
		Sent: 90, Errors: 2, Waiting: 1, P50: 3, P95: 8, Dropped: map[string]int64{"queue_full": 7, "body_not_kept": 1}}}
	for _, call := range []string{"GET /api/v1/services/ocr/shadow", "POST /api/v1/services/ocr/shadow", "POST /api/v1/services/ocr/shadow/stop"} {
		s.answer(call, doc)
	}
	s.run(t, "shadow", "ocr").want(t, exitOK, []string{"20 % of the requests are copied to ocr-next (by the manifest)", "sent 90, errors 2", "body_not_kept 1, queue_full 7"}, nil)
	for args, asked := range map[string]string{
		"shadow ocr --to ocr-next --percent 20": `POST /api/v1/services/ocr/shadow {"to":"ocr-next","percent":20}`,
		"shadow ocr --to r12 --replicas 2":      `POST /api/v1/services/ocr/shadow {"to":"r12","replicas":2}`,
		"shadow ocr --stop":                     `POST /api/v1/services/ocr/shadow/stop`,
	} {
		s.asked = nil
		s.run(t, strings.Fields(args)...).want(t, exitOK, nil, nil)
		if len(s.asked) != 1 || s.asked[0] != asked {
			t.Errorf("%s asked %q", args, s.asked)
		}
	}
	s.run(t, "shadow", "ocr", "--stop", "--to", "x").want(t, exitUsage, nil, nil)
}
