package daemon

import (
	"bufio"
	"slices"
	"strings"
	"testing"
)

func TestCleanRanges(t *testing.T) {
	mapping := func(head, anonymous string) string {
		return head + "\nSize:                 12 kB\nRss:                  12 kB\nAnonymous:            " + anonymous + " kB\nVmFlags: rd mr mw me\n"
	}
	smaps := mapping("00400000-00403000 r--p 00000000 fe:00 2623 /opt/my tools/aictl", "0") +
		mapping("00403000-014bd000 r-xp 00003000 fe:00 2623 /opt/my tools/aictl", "0") +
		mapping("0250c000-0250f000 r--p 0210b000 fe:00 2623 /opt/my tools/aictl", "4") + // relocated by the linker
		mapping("0250f000-025c4000 rw-p 0210e000 fe:00 2623 /opt/my tools/aictl", "0") +
		mapping("025c4000-045e9000 rw-p 00000000 00:00 0", "200") +
		mapping("7fe9e3067000-7fe9e31bd000 r-xp 00026000 fe:00 77 /usr/lib/libc.so.6", "0") +
		mapping("7fe9e3300000-7fe9e3301000 r--s 00000000 fe:00 2623 /opt/my tools/aictl", "0")
	got, err := cleanRanges(bufio.NewScanner(strings.NewReader(smaps)), "/opt/my tools/aictl")
	want := []addresses{{0x400000, 0x403000}, {0x403000, 0x14bd000}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%x, %v; want %x", got, err, want)
	}
	if _, err := cleanRanges(bufio.NewScanner(strings.NewReader("zz-1 r-xp 0 fe:00 1 /x\n")), "/x"); err == nil {
		t.Error("a listing of nonsense is accepted")
	}
}

// TestDropCode: the program goes on after its code was given back.
func TestDropCode(t *testing.T) {
	for range 3 {
		if err := dropCode(); err != nil {
			t.Fatal(err)
		}
	}
}
