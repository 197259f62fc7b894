package envs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// condaFiles are how conda's environments are called.
var condaFiles = []string{"environment.yml", "environment.yaml", "conda.yml", "conda.yaml"}

// maxAdvised is how many packages an advice spells out.
const maxAdvised = 40

// refuseConda refuses a folder whose only requirements are conda's, and says what to write instead.
func refuseConda(dir string) error {
	for _, name := range condaFiles {
		if !isFile(dir, name) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		advice := "write its packages into a requirements.txt, and its Python into python.version of aictl.yaml"
		if python, lines := condaAdvice(text); len(lines) > 0 {
			advice = "write a requirements.txt with " + strings.Join(lines, ", ")
			if python != "" {
				advice += `, and python.version: "` + python + `" into aictl.yaml`
			}
		}
		return fmt.Errorf("%w: %s is conda's, which aictl does not use: %s; packages that PyPI lacks (cudatoolkit, ffmpeg, …) are installed on the machine, or keep conda with `runtime: command` and `command: conda run -n NAME python main.py`",
			ErrBad, name, advice)
	}
	return nil
}

// condaPin is name=version=build as conda writes it.
var condaPin = regexp.MustCompile(`^([A-Za-z0-9_.-]+)\s*(?:=\s*([0-9][A-Za-z0-9.+!_]*)(?:=\S*)?|([<>=!~]=?.*))?$`)

// condaAdvice says as pip would what an environment.yml asks for, as far as that can be read.
func condaAdvice(text []byte) (python string, lines []string) {
	var env struct {
		Dependencies []any `yaml:"dependencies"`
	}
	if len(text) > maxManifestLike || yaml.Unmarshal(text, &env) != nil {
		return "", nil
	}
	for _, d := range env.Dependencies {
		switch v := d.(type) {
		case string:
			_, plain, found := strings.Cut(v, "::") // channel::name
			if !found {
				plain = v
			}
			m := condaPin.FindStringSubmatch(strings.TrimSpace(plain))
			switch {
			case m == nil || m[1] == "pip":
			case m[1] == "python":
				python = strings.Trim(strings.TrimSuffix(m[2]+m[3], ".*"), "=<>!~ ")
			case m[2] != "":
				lines = append(lines, m[1]+"=="+m[2])
			default:
				lines = append(lines, m[1]+strings.ReplaceAll(m[3], " ", ""))
			}
		case map[string]any:
			pip, ok := v["pip"].([]any)
			for k := 0; ok && k < len(pip); k++ {
				lines = append(lines, textOf(pip[k]))
			}
		}
	}
	if len(lines) > maxAdvised {
		lines = append(lines[:maxAdvised], "…")
	}
	return python, lines
}

// maxManifestLike bounds the files of people that are read for an advice, in bytes.
const maxManifestLike = 1 << 20
