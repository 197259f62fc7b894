package configs

import (
	"bytes"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// CommentedManifest is the aictl.yaml that `aictl init` writes: every key with its default and what it means. Empty
// arguments leave the key to be found from the files.
func CommentedManifest(name string, runtime Runtime, command string) []byte {
	var b bytes.Buffer
	if err := manifestTemplate.Execute(&b, map[string]string{
		"name": name, "runtime": string(runtime), "command": command,
	}); err != nil {
		panic("configs: the manifest's template: " + err.Error()) // a fault of this package, not of its input
	}
	return b.Bytes()
}

var manifestTemplate = template.Must(template.New("aictl.yaml").Funcs(template.FuncMap{"line": yamlLine}).Parse(
	`# How aictl runs this service. Every key may be left out; what stands here are the defaults.
# All keys are explained in docs/manifest.md.

{{line "name" .name "text-classify"}}  # a-z, 0-9 and -; the repository's name when left out
{{line "runtime" .runtime "python"}}  # python, node or command; found from the files when left out
# Run without a shell. {port} and {host} are filled in; they are in PORT and HOST, too.
# When left out: a Procfile's web line, else main.py, app.py or npm start.
{{line "command" .command "python main.py"}}
subdir: .               # where the service lies in the repository
replicas: 1             # how many copies run
strategy: blue-green    # or recreate: stop the old release first, when two do not fit in memory; rolling; canary
# canary:               # with strategy: canary
#   steps: [5, 25, 50]  # percent of the requests; then it is live
#   every: 2m           # a step; up to wait when there are fewer than min_requests
#   wait: 30m
#   min_requests: 100
#   too_few: rollback   # when wait is over; or promote
#   max_error_rate: 1%  # above the live release's
#   max_latency: 1.5x   # of the live release's 95th percentile
# groups: [vision]      # for aictl restart @vision
# after: [tokenizer]    # services that must be healthy before this one is started

# kind: cron            # or oneshot: runs to its end at every start; service when left out
# schedule: "*/5 * * * *"   # of a cron service; also @daily, @every 10m
# timezone: Asia/Shanghai   # the machine's own when left out
# concurrency: forbid   # a run still under way: the next is skipped; or replace: it is stopped
# timeout: 10m          # of one run; none when left out
# catch_up: true        # a run missed while aictl was down is made up for, once
# run_on_deploy: true   # a deploy runs it, and fails when it fails

health:                 # "health: none" for a service without a check
  path: /health
  interval: 10s
  timeout: 3s
  start_period: 120s    # how long a start may take, loading a model for example
  failures: 3           # bad answers in a row until it counts as unhealthy

restart:
  policy: always        # or on-failure, never
  backoff: 1s           # the first restart is immediate; then 1s, 2s, 4s …
  max_backoff: 30s      # … up to this
  give_up_after: 10     # failures
  within: 10m

stop:
  signal: TERM          # TERM, INT, QUIT, HUP, USR1, USR2 or KILL
  grace: 10s            # then everything that is left is killed

log:
  max_size: 10MB        # of one file
  files: 5              # kept, the current one included

# resources:            # limits of one copy; none when left out
#   memory: 2GiB
#   cpus: 2
#   pids: 512
#   nofile: 4096
#   gpus: "0"           # "0,1", all or none
#   rlimits: {core: 0, memlock: unlimited}   # of each process

# process:              # what it runs as; as aictl itself when left out
#   user: nobody        # another user needs aictl to run as root
#   group: nogroup
#   umask: "027"
#   nice: 5             # -20 (first) to 19 (last)
#   oom_score_adj: 300  # 1000: killed first when memory runs out

# env:
#   MODEL: base

# hooks:
#   release: python migrate.py   # once per release, before it starts
#   on:                          # told what happens: the event as JSON on stdin, or by POST
#     - {events: [fatal, unhealthy], command: "python alert.py"}
#     - {events: [deploy.failed], url: "https://example.com/hook"}

record:                 # request/response pairs; "record: off" for none
  mode: normal          # or off; audit: an answer leaves only once its record is stored
  bodies: full          # or none
  max_body: 1MiB        # of each body; the rest is cut
  # pressure: drop      # when memory is short: drop bodies, then records; block: requests wait; refuse: 503
  # redact: ["$.user.phone", "header:X-Api-Key"]
  # session: "header:X-Session-ID"   # or cookie:NAME, json:$.path
  # model: "response.json:$.model"   # what answered: as session, in the request or in the answer
  # user: "header:X-User"            # whose request it is
  # index: ["$.result.label", "request.$.lang"]   # found by records list --where without reading bodies
  # retention: {age: 30d, bytes: 10GB, rows: 1000000}   # of this service, whole days; left out: the daemon's

# gateway:              # what the gateway does for the service
#   timeout: 60s        # how long it may be silent before and within an answer; no limit when left out
#   max_body: 20MiB     # of a request; a longer one is answered 413
#   concurrency: 4      # requests that one copy is given at a time; no limit when left out
#   queue: 100          # requests that wait beyond that; more are answered 429
#   queue_timeout: 10s  # how long they wait
#   rate: {requests: 100, per: 1s, burst: 100, by: client}   # or by key, service, header:NAME
#   keys: required      # requests need an API key (aictl keys); or optional
#   cors: {origins: ["https://app.example.com"], methods: [GET, POST], headers: [Content-Type], expose: [X-Cost], credentials: false, max_age: 10m}
#   protocol: h2c       # what instances speak, instead of HTTP/1.1
#   grpc_services: [ocr.v1.Recognizer]        # gRPC services whose calls come here; they imply h2c
#   sticky: "header:X-Session-ID"             # or cookie:NAME; a canary keeps a session on one side
#   shadow: {service: ocr-next, percent: 50}  # gets copies of the requests; nobody waits for its answers
#   cache:              # of answers; only when equal requests have equal answers
#     ttl: 10m
#     max_bytes: 64MiB
#     max_answer: 1MiB
#     methods: [GET, POST]
#     paths: [/predict, "/embed/*"]
#     vary: [X-Tenant]  # headers that the answer depends on
#     single_flight: true  # equal requests at the same time wait for the answer to the first

# verify:               # before a deploy goes live, it answers recorded requests as the live release does
#   replay: 200         # the last so many that can be sent; they reach the candidate twice
#   max_diff: 1%        # of the requests may differ; none when left out
#   path: /predict      # only these, a glob
#   methods: [GET, POST]
#   ignore: ["$.meta", "header.ETag"]   # what does not count
#   unordered: ["$.items"]              # lists whose order does not count
#   tolerance: 0.001    # of numbers, relative above 1
#   live: false         # true: ask the live release again instead of taking recorded answers

# deploy:               # which pushes deploy it by themselves; "deploy: off" for none
#   auto: true
#   branch: main        # the ref it was deployed with, or the default branch, when left out
#   tags: ["v*"]        # tags that deploy when they are pushed; only they do when no branch is given
#   paths: ["*.py", "models/**"]   # a push must change one of these; any file when left out
#   ignore: [docs, "*.md"]         # files that do not count
#   previews: false     # true: an instance of its own for every open pull request

# python:
#   version: "3.12"
#   requirements: requirements.txt   # in subdir
#   wheelhouse: wheels               # in the repository's root
#   index: https://packages.example.com/simple
#   extra_indexes: []

# algorithm:            # what aictl algorithms tells of the service
#   title: Text classifier
#   description: Sorts messages by what they are about.
#   task: text-classification
#   owner: nlp team
#   tags: [text, zh]
#   interface: warn     # a release that breaks callers: warn, gate (the deploy fails) or off
`))

// yamlLine is "key: value", or a comment with an example when there is no value.
func yamlLine(key, value, example string) (string, error) {
	if value == "" {
		return "# " + key + ": " + example, nil
	}
	data, err := yaml.Marshal(map[string]string{key: value})
	return string(bytes.TrimSuffix(data, []byte("\n"))), err
}
