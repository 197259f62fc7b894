package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// routes is everything that the API answers, from top to bottom.
func (s *Server) routes() {
	const services, deploys, logs, records, system = "services", "deploys", "logs", "records", "system"

	get(s, "/services", services, "listServices", "Services as they are right now", s.listServices)
	get(s, "/services/{name}", services, "getService", "One service with its detail", s.getService)
	get(s, "/services/{name}/releases", services, "listReleases", "Releases of a service, newest first", s.listReleases)
	post(s, "/services/{name}/rollback", services, "rollback", "Make an earlier release live again", http.StatusAccepted, s.rollback)
	get(s, "/services/{name}/runs", services, "listRuns", "The last runs of a oneshot or cron service, newest first", s.listRuns)
	post(s, "/services/{name}/run", services, "run", "Run a oneshot or cron service now", http.StatusAccepted, s.startRun)
	get(s, "/services/{name}/runs/{id}", services, "getRun", "One run, once it has ended or the wait is over", s.getRun)
	get(s, "/services/{name}/canary", services, "getCanary", "The canary of a service, and what came of both sides", s.getCanary)
	post(s, "/services/{name}/canary", services, "setCanary", "Send a part of a service's requests to another release, or change that part", http.StatusOK, s.setCanary)
	post(s, "/services/{name}/canary/promote", services, "promoteCanary", "Make the canary the live release", http.StatusAccepted, s.promoteCanary)
	post(s, "/services/{name}/canary/stop", services, "stopCanary", "End the canary; all requests go to the live release", http.StatusOK, s.stopCanary)
	get(s, "/services/{name}/shadow", services, "getShadow", "Where copies of a service's requests go, and what came of them", s.getShadow)
	post(s, "/services/{name}/shadow", services, "setShadow", "Send copies of a service's requests elsewhere, or change how many", http.StatusOK, s.setShadow)
	post(s, "/services/{name}/shadow/stop", services, "stopShadow", "End the copies of a service's requests", http.StatusOK, s.stopShadow)
	get(s, "/caches", services, "listCaches", "The answers that the gateway keeps, service by service", s.listCaches)
	get(s, "/services/{name}/cache", services, "getCache", "The answers that the gateway keeps of a service, and what another size would do", s.getCache)
	post(s, "/services/{name}/cache/clear", services, "clearCache", "Forget the answers that the gateway keeps of a service", http.StatusOK, s.clearCache)
	post(s, "/actions", services, "act", "Start, stop, restart, remove, signal or scale many services, in parallel", http.StatusOK, s.act)

	get(s, "/deploys", deploys, "listDeploys", "Deploys, newest first", s.listDeploys)
	post(s, "/deploys", deploys, "deploy", "Queue a deploy", http.StatusAccepted, s.deploy)
	post(s, "/deploys/preview", deploys, "previewDeploy", "What a deploy would change; nothing is done", http.StatusOK, s.preview)
	get(s, "/deploys/diff", deploys, "diffDeploys", "What lies between two versions: commits, manifest, dependencies", s.diffDeploys)
	get(s, "/deploys/{id}/log", deploys, "deployLog", "The last lines of a deploy's log", s.deployLog)
	get(s, "/deploys/{id}", deploys, "getDeploy", "One deploy with its steps and the last lines of its log", s.getDeploy)
	post(s, "/deploys/{id}/cancel", deploys, "cancelDeploy", "Stop a deploy; the old release keeps serving", http.StatusOK, s.cancelDeploy)
	stream[DeployEvent](s, "/deploys/{id}/events", deploys, "deployEvents",
		"What happens in a deploy: the steps so far, then steps and log lines as they come, last an event of type end", s.deployEvents)

	s.environmentRoutes(deploys)

	stream[LogLine](s, "/logs", logs, "logs", "Log lines in the order of time", s.logs)
	stream[Event](s, "/events", services, "events", "The last 1000 things that happened to services and deploys, and new ones as they come", s.events)

	get(s, "/records", records, "listRecords", "Records without headers and bodies, newest first", s.listRecords)
	s.postRecordsRoute("/records", records)
	s.exportRoute("/records/export", records)
	get(s, "/records/sessions", records, "listSessions", "Sessions of records, the latest first", s.listSessions)
	stream[SessionLine](s, "/records/sessions/{id}", records, "session", "The records of one session in order, and new ones as they come", s.session)
	get(s, "/records/stats", records, "recordStats", "What is kept, and what the recorder has accounted for", s.recordStats)
	streaming[ReplayEvent](s, http.MethodPost, "/records/replay", records, "replayRecords",
		"Send selected requests again, to another release or address; it ends when the caller leaves", s.replay)
	streaming[DiffEvent](s, http.MethodPost, "/records/diff", records, "diffRecords",
		"Send selected requests to two releases or addresses and compare the answers, noise taken out; it ends when the caller leaves", s.diff)
	post(s, "/records/sql", records, "queryRecords", "Run a SELECT over the views records and labels", http.StatusOK, s.recordsSQL)
	post(s, "/records/labels", records, "labelRecords", "Label all records that are selected", http.StatusOK, s.labelMany)
	s.custodyRoutes(records)
	get(s, "/records/{id}", records, "getRecord", "One record with headers and bodies", s.getRecord)
	get(s, "/records/{id}/labels", records, "getLabels", "The labels of a record, and every change of them", s.getLabels)
	route(s, http.MethodPut, Prefix+"/records/{id}/labels/{name}", records, "setLabel", "Make or change a label of a record", http.StatusOK, s.setLabel)
	route(s, http.MethodDelete, Prefix+"/records/{id}/labels/{name}", records, "removeLabel", "Take a label away; its history stays", http.StatusOK, s.removeLabel)

	s.algorithmRoutes(services)
	s.diskRoutes(system)

	get(s, "/sinks", records, "listSinks", "Databases and queues that get records, and how far behind they are", s.listSinks)
	post(s, "/sinks/test", records, "testSink", "Connect to a sink and prepare its schema", http.StatusOK, s.testSink)
	post(s, "/sinks/retry", records, "retrySink", "Have a sink that waits after a failure try again now", http.StatusOK, s.retrySink)
	post(s, "/sinks/rewind", records, "rewindSink", "Have a sink begin anew", http.StatusOK, s.rewindSink)

	get(s, "/keys", services, "listKeys", "API keys of services, without the keys themselves", s.listKeys)
	post(s, "/keys", services, "createKey", "Make an API key; the answer is the only place where it is shown", http.StatusCreated, s.createKey)
	post(s, "/keys/{name}/revoke", services, "revokeKey", "Make an API key worthless, from the next request on", http.StatusOK, s.revokeKey)

	s.forgeRoutes("gitea")
	s.pushRoutes("gitea")
	s.hostingRoutes("gitea")

	get(s, "/config", system, "config", "The settings that run, and where each comes from", s.config)
	post(s, "/config/diff", system, "diffConfig", "What a settings file would change, and what would be started anew for it", http.StatusOK, s.configDiff)
	post(s, "/config/reload", system, "reloadConfig", "Read the settings file again and take up what can be", http.StatusOK, s.configReload)

	get(s, "/version", system, "version", "What runs, and where it listens", s.version)
	raw(s, Prefix+"/openapi.json", system, "openapi", "The OpenAPI 3.1 document", "application/openapi+json", s.describe)
	raw(s, "/metrics", system, "metrics", "Prometheus metrics", "text/plain",
		promhttp.HandlerFor(s.meter.registry, promhttp.HandlerOpts{}).ServeHTTP)
	route(s, http.MethodGet, "/healthz", system, "healthz", "200 when the daemon does its work, else 503", http.StatusOK, s.healthz)
}

// document is an answer with a JSON body.
type document[T any] struct{ Body T }

// lines is an answer that is written bit by bit.
type lines struct{ Body func(huma.Context) }

func get[I, O any](s *Server, path, tag, id, summary string, h func(context.Context, *I) (O, error)) {
	route(s, http.MethodGet, Prefix+path, tag, id, summary, http.StatusOK, h)
}

func post[I, O any](s *Server, path, tag, id, summary string, status int, h func(context.Context, *I) (O, error)) {
	route(s, http.MethodPost, Prefix+path, tag, id, summary, status, h)
}

// route registers a call: h's answer is a document, its error goes through the table.
func route[I, O any](s *Server, method, path, tag, id, summary string, status int, h func(context.Context, *I) (O, error)) {
	op := operation(method, path, tag, id, summary)
	op.DefaultStatus = status
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*document[O], error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, s.problemOf(err)
		}
		return &document[O]{Body: out}, nil
	})
}

// stream registers a stream of one JSON object per line, each a T. It ends when the caller leaves or the server stops.
func stream[T, I any](s *Server, path, tag, id, summary string, h func(context.Context, *I, func(T) error) error) {
	streaming(s, http.MethodGet, path, tag, id, summary, h)
}

// streaming is stream for any method.
func streaming[T, I any](s *Server, method, path, tag, id, summary string, h func(context.Context, *I, func(T) error) error) {
	op := operation(method, Prefix+path, tag, id, summary)
	schema := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "One JSON object per line; a line {\"error\": problem} ends a stream that failed",
		Content:     map[string]*huma.MediaType{"application/x-ndjson": {Schema: schema}},
	}}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*lines, error) {
		return &lines{Body: func(hc huma.Context) {
			ctx, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			defer context.AfterFunc(s.draining, func() { cancel(stopping()) })()
			out := newLineWriter(humagin.Unwrap(hc).Writer)
			err := h(ctx, in, func(v T) error { return out.send(v) })
			s.finish(ctx, out, err)
		}}, nil
	})
}

// raw registers an address that answers something else than the API's documents.
func raw(s *Server, path, tag, id, summary, contentType string, h http.HandlerFunc) {
	op := operation(http.MethodGet, path, tag, id, summary)
	op.Responses = map[string]*huma.Response{"200": {
		Description: "OK",
		Content:     map[string]*huma.MediaType{contentType: {Schema: &huma.Schema{}}},
	}}
	huma.Register(s.api, op, func(context.Context, *struct{}) (*lines, error) {
		return &lines{Body: func(hc huma.Context) {
			var c *gin.Context = humagin.Unwrap(hc)
			h(c.Writer, c.Request)
		}}, nil
	})
}

func operation(method, path, tag, id, summary string) huma.Operation {
	op := huma.Operation{
		Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{tag},
		BodyReadTimeout: -1, // limitBody has read it
		MaxBodyBytes:    maxBody + 1,
	}
	if !open[path] {
		op.Security = []map[string][]string{{"token": {}}}
	}
	return op
}
