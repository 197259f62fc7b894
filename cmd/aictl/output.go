package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// The output formats of -o.
const (
	formatTable = "table"
	formatWide  = "wide"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

func (a *app) wide() bool { return a.output == formatWide }

// machine reports whether the output is for programs: then stdout holds documents and nothing else.
func (a *app) machine() bool { return a.output == formatJSON || a.output == formatYAML }

// say writes one line for people to stderr. A stderr that is gone must not change what the command does.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.err, format+"\n", args...)
}

// document writes v as the chosen machine format, or calls people for a table.
func (a *app) document(v any, people func() error) error {
	switch a.output {
	case formatJSON:
		return writeJSON(a.out, v)
	case formatYAML:
		return writeYAML(a.out, v)
	}
	return people()
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// writeLine writes v as one line of JSON: an element of a stream.
func writeLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// writeYAML writes the JSON document of v as YAML with the same keys in the same order.
func writeYAML(w io.Writer, v any) error {
	var b bytes.Buffer
	if err := writeJSON(&b, v); err != nil {
		return err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(b.Bytes(), &node); err != nil {
		return fmt.Errorf("turn the JSON document into YAML: %w", err)
	}
	blockStyle(&node)
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(&node); err != nil {
		return err
	}
	return enc.Close()
}

// blockStyle forgets JSON's braces and quotes; the encoder quotes what needs it.
func blockStyle(n *yaml.Node) {
	n.Style = 0
	if (n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode) && len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	for _, child := range n.Content {
		blockStyle(child)
	}
}
