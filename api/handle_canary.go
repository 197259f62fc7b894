package api

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"aictl/deploy"
	"aictl/gateway"
	"aictl/services"
)

// TriggerPromote is the trigger of the deploy that makes a canary the live release.
const TriggerPromote = deploy.TriggerPromote

// Trials sends parts and copies of a service's requests elsewhere; *services.Manager is one.
type Trials interface {
	// SetCanary starts a canary, or changes the part that the running one gets.
	SetCanary(ctx context.Context, service string, w services.CanaryWish) (services.CanaryView, error)
	Canary(ctx context.Context, service string) (services.CanaryView, error)
	StopCanary(ctx context.Context, service string) error
	// SetShadow starts to copy requests, or changes how many are copied.
	SetShadow(ctx context.Context, service string, w services.ShadowWish) (services.ShadowView, error)
	Shadow(ctx context.Context, service string) (services.ShadowView, error)
	StopShadow(ctx context.Context, service string) error
}

// Counters tells what the gateway has counted; *gateway.Gateway is one.
type Counters interface {
	CanaryStats(service string) (stats gateway.CanaryStats, ok bool)
	ShadowStats() map[string]gateway.ShadowStats
	Caches
}

// nothingCounted is a gateway that has counted nothing.
type nothingCounted struct{}

func (nothingCounted) CanaryStats(string) (s gateway.CanaryStats, ok bool) { return s, false }
func (nothingCounted) ShadowStats() map[string]gateway.ShadowStats         { return nil }

type canaryInput struct {
	Name string `path:"name" maxLength:"100" pattern:"^[^*?@/\\\\\\[\\]\\s]+$" patternDescription:"a service name" doc:"Service name"`
	Body CanaryRequest
}

type shadowInput struct {
	Name string `path:"name" maxLength:"100" pattern:"^[^*?@/\\\\\\[\\]\\s]+$" patternDescription:"a service name" doc:"Service name"`
	Body ShadowRequest
}

func (s *Server) getCanary(ctx context.Context, in *nameInput) (CanaryDocument, error) {
	v, err := s.deps.Services.Canary(ctx, in.Name)
	return s.canaryDocument(v), err
}

func (s *Server) setCanary(ctx context.Context, in *canaryInput) (CanaryDocument, error) {
	w := services.CanaryWish{Release: in.Body.To, Weight: in.Body.Weight, Replicas: in.Body.Replicas, Actor: actor(ctx)}
	if h := in.Body.Header; h != nil {
		name, value, fault := splitHeader(*h)
		if fault != "" {
			return CanaryDocument{}, invalid("body.header", fault)
		}
		w.HeaderName, w.HeaderValue = &name, value
	}
	v, err := s.deps.Services.SetCanary(ctx, in.Name, w)
	if err == nil {
		s.log.Info("canary set", "service", in.Name, "release", v.Release, "weight", v.Weight, "actor", actor(ctx))
	}
	return s.canaryDocument(v), err
}

var (
	headerName  = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$") // a token of RFC 9110
	headerValue = regexp.MustCompile(`^[ -~]+$`)
)

// splitHeader reads "Name: value"; "" is no header.
func splitHeader(text string) (name, value, fault string) {
	if text == "" {
		return "", "", ""
	}
	name, value, ok := strings.Cut(text, ":")
	name, value = http.CanonicalHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value)
	if !ok || !headerName.MatchString(name) || !headerValue.MatchString(value) {
		return "", "", "write a header's name and value, as in X-Canary: 1"
	}
	return name, value, ""
}

// promoteCanary makes the canary live: by a rollback to its release, which takes its instances as they are.
func (s *Server) promoteCanary(ctx context.Context, in *nameInput) (DeployDocument, error) {
	v, err := s.deps.Services.Canary(ctx, in.Name)
	if err != nil {
		return DeployDocument{}, err
	}
	d, err := s.deps.Deploys.Rollback(ctx, deploy.RollbackRequest{Service: in.Name, To: v.Release, Actor: actor(ctx), Trigger: TriggerPromote, Origin: origin(ctx)})
	return s.newDeploy(d), err
}

// stopCanary answers with what the canary was.
func (s *Server) stopCanary(ctx context.Context, in *nameInput) (CanaryDocument, error) {
	v, err := s.deps.Services.Canary(ctx, in.Name)
	if err != nil {
		return CanaryDocument{}, err
	}
	doc := s.canaryDocument(v)
	if err := s.deps.Services.StopCanary(ctx, in.Name); err != nil {
		return CanaryDocument{}, err
	}
	s.log.Info("canary stopped", "service", in.Name, "release", v.Release, "actor", actor(ctx))
	return doc, nil
}

func (s *Server) canaryDocument(v services.CanaryView) CanaryDocument {
	doc := CanaryDocument{SchemaVersion: SchemaVersion, Canary: Canary{
		Service: v.Service, Release: v.Release, Live: v.Live, Weight: v.Weight, Instances: orEmpty(v.Instances), Ready: v.Ready, Reason: v.Reason,
		Actor: v.Actor, StartedAt: v.StartedAt,
	}}
	if v.HeaderName != "" {
		doc.Canary.Header = v.HeaderName + ": " + v.HeaderValue
	}
	if stats, ok := s.deps.Gateway.CanaryStats(v.Service); ok {
		doc.Canary.Sides = Sides{Canary: renderSide(stats.Canary), Live: renderSide(stats.Live)}
	}
	return doc
}

func renderSide(s gateway.SideStats) Side {
	return Side{Requests: s.Requests, Errors: s.Errors, P50: milliseconds(s.P50), P95: milliseconds(s.P95)}
}

func (s *Server) getShadow(ctx context.Context, in *nameInput) (ShadowDocument, error) {
	v, err := s.deps.Services.Shadow(ctx, in.Name)
	return s.shadowDocument(v), err
}

func (s *Server) setShadow(ctx context.Context, in *shadowInput) (ShadowDocument, error) {
	v, err := s.deps.Services.SetShadow(ctx, in.Name, services.ShadowWish{To: in.Body.To, Percent: in.Body.Percent, Replicas: in.Body.Replicas, Actor: actor(ctx)})
	if err == nil {
		s.log.Info("shadow set", "service", in.Name, "target", v.Target, "release", v.Release, "percent", v.Percent, "actor", actor(ctx))
	}
	return s.shadowDocument(v), err
}

// stopShadow answers with what the shadow was.
func (s *Server) stopShadow(ctx context.Context, in *nameInput) (ShadowDocument, error) {
	v, err := s.deps.Services.Shadow(ctx, in.Name)
	if err != nil {
		return ShadowDocument{}, err
	}
	doc := s.shadowDocument(v)
	if err := s.deps.Services.StopShadow(ctx, in.Name); err != nil {
		return ShadowDocument{}, err
	}
	s.log.Info("shadow stopped", "service", in.Name, "target", v.Target, "actor", actor(ctx))
	return doc, nil
}

func (s *Server) shadowDocument(v services.ShadowView) ShadowDocument {
	out := Shadow{
		Service: v.Service, Target: v.Target, Release: v.Release, Percent: v.Percent, Manifest: v.Manifest, Instances: orEmpty(v.Instances),
		Actor: v.Actor, StartedAt: v.StartedAt, Dropped: map[string]int64{},
	}
	if stats, ok := s.deps.Gateway.ShadowStats()[v.Service]; ok {
		out.Sent, out.Errors, out.Waiting, out.P50, out.P95 = stats.Sent, stats.Errors, stats.Waiting, milliseconds(stats.P50), milliseconds(stats.P95)
		out.Dropped = stats.Dropped
	}
	return ShadowDocument{SchemaVersion: SchemaVersion, Shadow: out}
}
