package api

import (
	"context"
	"errors"
	"net/http"
	"path"
	"strings"
	"syscall"

	"github.com/danielgtaylor/huma/v2"

	"aictl/deploy"
	"aictl/deploy/envs"
	"aictl/forges"
	"aictl/gitea"
	"aictl/hosting"
	"aictl/replay"
	"aictl/services"
	"aictl/sinks"
	"aictl/store"
	"aictl/store/records"
)

// Kind says how errors that match Err (errors.Is) are answered. Advice, when set, follows the error's own text.
type Kind struct {
	Err    error
	Status int
	Code   string
	Advice string
}

// kinds is the one table from errors to answers; the first match counts, what matches nothing is a 500.
// Kinds of packages that api may not know are added through Deps.Kinds and come first.
var kinds = []Kind{
	{deploy.ErrNoSuchRelease, http.StatusNotFound, CodeNotFound, "`GET /api/v1/services/{name}/releases` lists those that are kept"},
	{deploy.ErrSource, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{deploy.ErrVersion, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{deploy.ErrUndeployable, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{deploy.ErrCancelled, http.StatusConflict, CodeConflict, ""},
	{envs.ErrNoEnvironment, http.StatusNotFound, CodeNotFound, "`aictl env list` lists those that there are"},
	{envs.ErrArchive, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{envs.ErrBad, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{envs.ErrNoSpace, http.StatusInsufficientStorage, CodeDiskFull, ""},
	{services.ErrNoRelease, http.StatusConflict, CodeConflict, ""},
	{services.ErrNotHealthy, http.StatusConflict, CodeConflict, "its log says more: `aictl logs`"},
	{services.ErrRuns, http.StatusConflict, CodeConflict, "wait for its end, or end it with `aictl stop`"},
	{services.ErrNotJob, http.StatusConflict, CodeConflict, ""},
	{services.ErrNotDone, http.StatusConflict, CodeConflict, ""},
	{services.ErrNotTriable, http.StatusConflict, CodeConflict, ""},
	{services.ErrBadTrial, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{deploy.ErrNoCanary, http.StatusConflict, CodeConflict, ""},
	{deploy.ErrNoGate, http.StatusConflict, CodeConflict, ""},
	{services.ErrOneAtATime, http.StatusConflict, CodeConflict, ""},
	{hosting.ErrNotFound, http.StatusNotFound, CodeNotFound, ""},
	{hosting.ErrName, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{hosting.ErrExists, http.StatusConflict, CodeConflict, ""},
	{hosting.ErrNoGit, http.StatusServiceUnavailable, CodeUnavailable, ""},
	{hosting.ErrNoSpace, http.StatusInsufficientStorage, CodeDiskFull, ""},
	{forges.ErrNone, http.StatusNotFound, CodeNotFound, ""},
	{forges.ErrGiven, http.StatusConflict, CodeConflict, ""},
	{forges.ErrBad, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{forges.ErrBadName, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{gitea.ErrExists, http.StatusConflict, CodeConflict, ""},
	{gitea.ErrNoOwner, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{gitea.ErrNotRepository, http.StatusNotFound, CodeNotFound, ""},
	{gitea.ErrAuth, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{gitea.ErrUnreachable, http.StatusServiceUnavailable, CodeUnavailable, ""},
	{sinks.ErrUnknown, http.StatusNotFound, CodeNotFound, ""},
	{path.ErrBadPattern, http.StatusUnprocessableEntity, CodeInvalid, "patterns are names, globs (* ? [a-z]) or @group"},
	{records.ErrBadID, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{records.ErrBadCursor, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{records.ErrBadQuery, http.StatusUnprocessableEntity, CodeInvalid, "docs/finding.md describes what can be asked"},
	{records.ErrBadLabel, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{records.ErrAmbiguous, http.StatusConflict, CodeConflict, ""},
	{records.ErrClosed, http.StatusServiceUnavailable, CodeUnavailable, "aictl is stopping: try again"},
	{replay.ErrLive, http.StatusConflict, CodeConflict, ""},
	{replay.ErrTarget, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{replay.ErrOptions, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{replay.ErrNothing, http.StatusUnprocessableEntity, CodeInvalid, ""},
	{replay.ErrBusy, http.StatusServiceUnavailable, CodeUnavailable, ""},
	{store.ErrNotFound, http.StatusNotFound, CodeNotFound, ""},
	{store.ErrConflict, http.StatusConflict, CodeConflict, ""},
	{store.ErrDisk, http.StatusInsufficientStorage, CodeDiskFull, "free some space in the data directory (df -h shows how much there is)"},
	{syscall.ENOSPC, http.StatusInsufficientStorage, CodeDiskFull, "free some space in the data directory (df -h shows how much there is)"},
	{syscall.EDQUOT, http.StatusInsufficientStorage, CodeDiskFull, "the user's disk quota is used up"},
	{errTooSlow, http.StatusServiceUnavailable, CodeUnavailable, ""},
	{store.ErrBusy, http.StatusServiceUnavailable, CodeUnavailable, "try again"},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, CodeTimeout, "it may still be going on: see `aictl status`"},
	{context.Canceled, http.StatusServiceUnavailable, CodeUnavailable, "aictl is stopping or the caller has left: try again"},
}

// errTooSlow ends an event stream whose reader fell too far behind.
var errTooSlow = errors.New("ask for the events again")

// problemOf turns any error into the problem document that answers it.
func (s *Server) problemOf(err error) *Error {
	var ready *Error
	if errors.As(err, &ready) {
		return ready
	}
	for _, table := range [][]Kind{s.deps.Kinds, kinds} {
		for _, k := range table {
			if errors.Is(err, k.Err) {
				return problem(k.Status, k.Code, join(err.Error(), k.Advice))
			}
		}
	}
	var refused *gitea.Refused
	if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
		return problem(http.StatusUnprocessableEntity, CodeInvalid, err.Error())
	}
	id := newID()
	s.log.Error("request failed", "id", id, "error", err)
	p := problem(http.StatusInternalServerError, CodeInternal, join(err.Error(), "the daemon's log has it under id "+id))
	p.Instance = id
	return p
}

func join(text, advice string) string {
	if advice == "" {
		return text
	}
	return text + "; " + advice
}

// codeOfStatus names the faults that are found before a handler runs.
var codeOfStatus = map[int]string{
	http.StatusBadRequest:            CodeInvalid,
	http.StatusUnprocessableEntity:   CodeInvalid,
	http.StatusNotFound:              CodeNotFound,
	http.StatusMethodNotAllowed:      CodeMethodNotAllowed,
	http.StatusRequestTimeout:        CodeTimeout,
	http.StatusRequestEntityTooLarge: CodeTooLarge,
	http.StatusUnsupportedMediaType:  CodeMediaType,
}

// The router library makes its errors (validation above all) through a package variable.
func init() {
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		code, ok := codeOfStatus[status]
		if !ok {
			code = CodeInternal
		}
		p := problem(status, code, msg)
		for _, err := range errs {
			if err != nil {
				p.Errors = append(p.Errors, fieldError(err))
			}
		}
		if len(p.Errors) > 0 {
			p.Detail = "the request is not valid: " + p.Errors[0].Path + ": " + p.Errors[0].Message
			if len(p.Errors) > 1 {
				p.Detail += " (and more, see errors)"
			}
		}
		return p
	}
}

func fieldError(err error) FieldError {
	var d huma.ErrorDetailer
	if !errors.As(err, &d) {
		return FieldError{Path: "body", Message: err.Error()}
	}
	detail := d.ErrorDetail()
	return FieldError{Path: strings.TrimSuffix(detail.Location, "."), Message: detail.Message}
}

// invalid is a 422 for one fault that the schemas cannot express.
func invalid(where, message string) *Error {
	p := problem(http.StatusUnprocessableEntity, CodeInvalid, "the request is not valid: "+where+": "+message)
	p.Errors = []FieldError{{Path: where, Message: message}}
	return p
}
