package main

import (
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
)

// labelFlags are what `records label` says of records.
type labelFlags struct {
	name, truth, thumb, note, by string
	remove                       bool
}

func (a *app) recordsLabelCommand() *cobra.Command {
	var filter *recordFilter
	var l labelFlags
	cmd := &cobra.Command{
		Use:   "label [ID…]",
		Short: a.t("Say what is right or wrong with records"),
		Long: a.t(`Label records: with the answer that would have been right (any JSON), a thumb up or down, a note. Records are named by their ids, or
selected by the filters of records list. What is not given stays as it is; an empty value takes it away.

A record may have several labels, by name; every change is kept with who made it and when. Labels go with their records.`),
		Example: a.examples(
			a.t("One answer was wrong"), `aictl records label 0193f0c2-7a4e-7c55-b1f5-2c8d0f7c9a31 --truth '"spam"' --thumb down`,
			a.t("All that failed, for a second look"), `aictl records label --service ocr --status 5xx --since 24h --note "second look" --name review`,
			a.t("Find them again"), "aictl records list --label thumb=down"),
		RunE: func(cmd *cobra.Command, ids []string) error {
			edit, err := l.edit(a, cmd)
			if err == nil && (len(ids) > 0) == filter.any(cmd) {
				err = a.errorf("give record ids, or filters that select records")
			}
			if err == nil && l.remove && len(ids) == 0 {
				err = a.errorf("--remove takes record ids")
			}
			if err != nil {
				return a.usageError(cmd, err)
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			if len(ids) == 0 {
				return a.labelSelected(cmd, client, filter, l.name, edit)
			}
			return a.labelEach(cmd, client, ids, l, edit)
		},
	}
	filter = a.recordFilter(cmd)
	flags := cmd.Flags()
	flags.StringVar(&l.name, "name", "main", a.t("the label's name"))
	flags.StringVar(&l.truth, "truth", "", a.t("the answer that would have been right, as JSON"))
	flags.StringVar(&l.thumb, "thumb", "", a.t("up or down"))
	flags.StringVar(&l.note, "note", "", a.t("a note"))
	flags.StringVar(&l.by, "by", "", a.t("who says so; else you"))
	flags.BoolVar(&l.remove, "remove", false, a.t("take the label away"))
	if err := cmd.RegisterFlagCompletionFunc("thumb", oneOf("up", "down")); err != nil {
		panic(err) // the flag's name is misspelt
	}
	return cmd
}

// edit is what the flags change.
func (l labelFlags) edit(a *app, cmd *cobra.Command) (e api.RecordLabelEdit, err error) {
	given := func(name string) bool { return cmd.Flags().Changed(name) }
	e.By = l.by
	if given("truth") {
		raw := json.RawMessage(l.truth)
		if l.truth == "" {
			raw = json.RawMessage("null")
		}
		if !json.Valid(raw) {
			return e, a.errorf("--truth %q is not JSON: a string needs quotes of its own, as in --truth '\"spam\"'", l.truth)
		}
		e.Truth = &raw
	}
	if given("thumb") {
		if l.thumb != "" && l.thumb != "up" && l.thumb != "down" {
			return e, a.errorf("--thumb %q is neither up nor down", l.thumb)
		}
		e.Thumb = &l.thumb
	}
	if given("note") {
		e.Note = &l.note
	}
	if says := e.Truth != nil || e.Thumb != nil || e.Note != nil; says == l.remove {
		return e, a.errorf("say something with --truth, --thumb or --note, or take the label away with --remove")
	}
	return e, nil
}

func (a *app) labelSelected(cmd *cobra.Command, client *api.Client, filter *recordFilter, name string, e api.RecordLabelEdit) error {
	q, err := filter.query()
	if err != nil {
		return a.usageError(cmd, err)
	}
	done, err := client.LabelRecords(cmd.Context(), q, name, e)
	if err != nil {
		return err
	}
	return a.document(done, func() error {
		a.say("%s", a.t("labelled %d records", done.Labelled))
		return nil
	})
}

func (a *app) labelEach(cmd *cobra.Command, client *api.Client, ids []string, l labelFlags, e api.RecordLabelEdit) error {
	done := api.RecordsLabelled{SchemaVersion: 1}
	for _, id := range ids {
		var err error
		if l.remove {
			_, err = client.UnlabelRecord(cmd.Context(), id, l.name)
		} else {
			_, err = client.LabelRecord(cmd.Context(), id, l.name, e)
		}
		if err != nil {
			return err
		}
		done.Labelled++
	}
	return a.document(done, func() error {
		a.say("%s", a.t("labelled %d records", done.Labelled))
		return nil
	})
}

// labelText is a label in one line.
func (a *app) labelText(l api.RecordLabel) string {
	var parts []string
	if len(l.Truth) > 0 {
		parts = append(parts, a.t("truth %s", string(l.Truth)))
	}
	if l.Thumb != "" {
		parts = append(parts, a.t("thumb %s", l.Thumb))
	}
	if l.Note != "" {
		parts = append(parts, l.Note)
	}
	return l.Name + ": " + strings.Join(append(parts, a.t("by %s, %s", l.By, a.ago(l.At, a.now()))), "  ")
}
