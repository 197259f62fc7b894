package configs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxVerify is the most recorded requests that a deploy is verified with.
const maxVerify = 1_000_000

// Verify says what a deploy makes sure of before its release goes live: that it answers the last Replay recorded requests
// as the live one does. 0 is nothing.
type Verify struct {
	Replay  int   `yaml:"replay,omitempty" json:"replay,omitempty"`
	MaxDiff Share `yaml:"max_diff,omitempty" json:"max_diff,omitempty"`
	// Path is a glob over the requests' paths, Methods are theirs; none is any.
	Path    string   `yaml:"path,omitempty" json:"path,omitempty"`
	Methods []string `yaml:"methods,omitempty" json:"methods,omitempty"`
	// Ignore are JSON paths of answers that do not count, Unordered those of lists whose order does not; Tolerance is how far numbers
	// may be apart, relative above 1.
	Ignore    []string `yaml:"ignore,omitempty" json:"ignore,omitempty"`
	Unordered []string `yaml:"unordered,omitempty" json:"unordered,omitempty"`
	Tolerance float64  `yaml:"tolerance,omitempty" json:"tolerance,omitempty"`
	// Live asks the live release again instead of taking its recorded answers.
	Live bool `yaml:"live,omitempty" json:"live,omitempty"`
}

func (v Verify) check(c *checker) {
	c.between("verify.replay", v.Replay, 0, maxVerify)
	if v.MaxDiff < 0 || v.MaxDiff > 1 {
		c.fault("verify.max_diff", "%s is no share: use 1%% or 0.01", v.MaxDiff)
	}
	if v.Path != "" && !strings.HasPrefix(v.Path, "/") {
		c.fault("verify.path", "%q does not begin with /: give a path or a glob such as /predict or /v1/*", clip(v.Path))
	}
	for i, method := range v.Methods {
		if !tokenRE.MatchString(method) {
			c.fault(fmt.Sprintf("verify.methods[%d]", i), "%q is not an HTTP method", clip(method))
		}
	}
	for key, paths := range map[string][]string{"verify.ignore": v.Ignore, "verify.unordered": v.Unordered} {
		for i, path := range paths {
			named := key == "verify.ignore" && (path == "status" || path == "body" || strings.HasPrefix(path, "header."))
			if !strings.HasPrefix(path, "$") && !named {
				c.fault(fmt.Sprintf("%s[%d]", key, i), "%q is not a JSON path: write $.meta.time or $.items[*].id", clip(path))
			}
		}
	}
	if v.Tolerance < 0 || math.IsInf(v.Tolerance, 0) || math.IsNaN(v.Tolerance) {
		c.fault("verify.tolerance", "%v is not a tolerance: use 0 or a small number such as 0.001", v.Tolerance)
	}
	asked := v.MaxDiff != 0 || v.Path != "" || len(v.Methods)+len(v.Ignore)+len(v.Unordered) > 0 || v.Tolerance != 0 || v.Live
	if v.Replay == 0 && asked {
		c.fault("verify.replay", "is missing: say how many recorded requests a deploy is verified with, such as 200")
	}
}

// Share is a part of a whole, 0 to 1, that reads "0.5%" or 0.005 and writes "0.5%".
type Share float64

// MarshalText writes percent.
func (s Share) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the share in percent.
func (s Share) String() string {
	return strconv.FormatFloat(math.Round(float64(s)*1e8)/1e6, 'f', -1, 64) + "%"
}

// UnmarshalText reads percent, or a number from 0 to 1.
func (s *Share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		n /= 100
	}
	if err != nil || math.IsNaN(n) || n < 0 || n > 1 {
		return fmt.Errorf("%q is not a share (write 0.5%% or 0.005)", text)
	}
	*s = Share(n)
	return nil
}

// MarshalYAML writes the text form.
func (s Share) MarshalYAML() (any, error) { return s.String(), nil }
