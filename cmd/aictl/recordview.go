package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) recordsShowCommand() *cobra.Command {
	var body string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: a.t("Show one record with headers and bodies"),
		Long: a.t(`Show one record: how it went, and both sides with headers and bodies. JSON is indented; of what is no text the
first bytes are shown. --body writes one side's body to stdout exactly as it was.`),
		Example: a.examples(
			a.t("Save the image that was sent"), "aictl records show 0193f0c2-7a4e-7c55-b1f5-2c8d0f7c9a31 --body request > sent.png"),
		Args: a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if body != "" && body != "request" && body != "response" {
				return a.usageError(cmd, a.errorf("--body %q is not a side: use request or response", body))
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			doc, err := client.Record(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			switch body {
			case "request":
				return a.rawBody(doc.Record.Request)
			case "response":
				return a.rawBody(doc.Record.Response)
			}
			return a.document(doc, func() error { return a.printRecord(doc.Record, doc.Labels) })
		},
	}
	cmd.Flags().StringVar(&body, "body", "", a.t("write only this side's body: request or response"))
	if err := cmd.RegisterFlagCompletionFunc("body", cobra.FixedCompletions([]string{"request", "response"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag's name is misspelt
	}
	return cmd
}

// bodyOf is a recorded body's bytes.
func bodyOf(m api.RecordMessageFull) ([]byte, error) {
	if m.BodyEncoding != api.BodyBase64 {
		return []byte(m.Body), nil
	}
	content, err := base64.StdEncoding.DecodeString(m.Body)
	if err != nil {
		return nil, fmt.Errorf("the daemon's base64 of the body is broken: %w", err)
	}
	return content, nil
}

func (a *app) rawBody(m api.RecordMessageFull) error {
	if m.Erased {
		return a.errorf("the body of %s was erased", humanSize(m.Size))
	}
	if m.Omitted {
		return a.errorf("the body of %s was not kept", humanSize(m.Size))
	}
	content, err := bodyOf(m)
	if err != nil {
		return err
	}
	if m.Truncated {
		a.say("%s %s", a.err.paint(yellow, a.t("warning:")), a.t("only the first %s of %s were kept", humanSize(int64(len(content))), humanSize(m.Size)))
	}
	_, err = a.out.Write(content)
	return err
}

func (a *app) printRecord(r api.RecordFull, labels []api.RecordLabel) error {
	var b strings.Builder
	path := r.Path
	if r.Query != "" {
		path += "?" + r.Query
	}
	status := a.statusCell(r.Status)
	fmt.Fprintf(&b, "%s  %s  %s\n", a.out.paint(bold, printable(r.Method+" "+path)), a.out.paint(status.style, status.text), latency(milliseconds(r.DurationMS)))
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s%s %s\n", a.out.paint(dim, name), strings.Repeat(" ", max(0, 10-columns(name))), printable(value))
		}
	}
	field(a.t("record"), r.ID)
	field(a.t("service"), strings.TrimRight(strings.Join([]string{r.Service, r.Release, r.Instance}, "  "), " "))
	field(a.t("time"), r.StartedAt.Local().Format("2006-01-02 15:04:05.000")+" ("+a.ago(r.StartedAt, a.now())+")")
	if r.FirstByteMS > 0 {
		field(a.t("first byte"), latency(milliseconds(r.FirstByteMS)))
	}
	field(a.t("ended"), a.t(r.End))
	field(a.t("error"), r.Error)
	field(a.t("client"), r.Remote)
	field(a.t("source"), r.Source)
	field(a.t("model"), r.Model)
	field(a.t("user"), r.User)
	field(a.t("session"), r.Session)
	field(a.t("trace"), r.TraceID)
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		field(a.t("tag"), key+"="+r.Tags[key])
	}
	for _, l := range labels {
		field(a.t("label"), a.labelText(l))
	}
	if err := a.writeSide(&b, a.t("Request"), r.Request); err != nil {
		return err
	}
	if err := a.writeSide(&b, a.t("Response"), r.Response); err != nil {
		return err
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

func (a *app) writeSide(b *strings.Builder, title string, m api.RecordMessageFull) error {
	fmt.Fprintf(b, "\n%s  %s\n", a.out.paint(bold, title), a.out.paint(dim, humanSize(m.Size)))
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		for _, value := range m.Header[name] {
			fmt.Fprintf(b, "  %s %s\n", a.out.paint(cyan, printable(name)+":"), printable(value))
		}
	}
	if m.Erased {
		fmt.Fprintf(b, "\n  %s\n", a.out.paint(dim, a.t("the body was erased")))
		return nil
	}
	if m.Omitted {
		a.writeStream(b, m, nil)
		fmt.Fprintf(b, "\n  %s\n", a.out.paint(dim, a.t("the body was not kept")))
		return nil
	}
	content, err := bodyOf(m)
	if err != nil {
		return err
	}
	a.writeStream(b, m, content)
	if len(content) > 0 && len(m.Frames) == 0 {
		fmt.Fprintf(b, "\n%s", indent(a.readable(m.Header, content, m.BodyEncoding == api.BodyBase64)))
	}
	if m.Truncated {
		fmt.Fprintf(b, "  %s\n", a.out.paint(yellow, a.t("only the first %s of %s were kept", humanSize(int64(len(content))), humanSize(m.Size))))
	}
	return nil
}

const hexBytes = 64 // of a binary body that are shown

// readable is a body for people: JSON indented, text as it is, of anything else its type and first bytes.
func (a *app) readable(header http.Header, content []byte, binary bool) string {
	if !binary {
		if json.Valid(content) {
			return string(indented(content))
		}
		return safeForTerminalLines(string(content))
	}
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || kind == "" {
		kind = http.DetectContentType(content)
	}
	text := a.t("%s of %s, not text", humanSize(int64(len(content))), kind) + "\n" + hex.Dump(content[:min(len(content), hexBytes)])
	if len(content) > hexBytes {
		text += "…\n"
	}
	return text
}

func safeForTerminalLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = withoutControls(lines[i])
	}
	return strings.Join(lines, "\n")
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}
