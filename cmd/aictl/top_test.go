package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/unix"

	"aictl/api"
)

// fakeTop is a daemon made of values.
type fakeTop struct {
	list  []api.Service
	err   error
	acts  []string
	fails error
}

func (f *fakeTop) services() ([]api.Service, error) { return f.list, f.err }

func (f *fakeTop) log(service string) ([]api.LogLine, error) {
	var lines []api.LogLine
	for i := range 50 {
		lines = append(lines, api.LogLine{Service: service, Stream: "stdout", Text: fmt.Sprintf("%s 第%d行 \x1b[2J\ttext", service, i+1)})
	}
	return lines, nil
}

func (f *fakeTop) act(action, service string) error {
	f.acts = append(f.acts, action+" "+service)
	return f.fails
}

// topRig is a model whose commands are carried out at once.
type topRig struct {
	*topModel
	fake *fakeTop
	now  time.Time
	quit bool
}

func newTopRig(lang language) *topRig {
	a := newApp(nil, &safeBuffer{}, &safeBuffer{}, func(k string) string { return map[string]string{"AICTL_FORCE_TTY": "80", "NO_COLOR": "1"}[k] })
	a.lang = lang
	r := &topRig{fake: &fakeTop{list: fleet().Services}, now: now}
	a.now = func() time.Time { return r.now }
	r.topModel = newTopModel(a, r.fake)
	r.run(r.Init())
	return r
}

// run carries out a command and what follows from it, but not the next tick.
func (r *topRig) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	done := make(chan tea.Msg, 1)
	go func() { done <- cmd() }()
	select {
	case msg := <-done:
		r.send(msg)
	case <-time.After(200 * time.Millisecond): // the tick: it is sent by hand
	}
}

func (r *topRig) send(msg tea.Msg) {
	switch msg := msg.(type) {
	case tea.BatchMsg:
		for _, cmd := range msg {
			r.run(cmd)
		}
	case tea.QuitMsg:
		r.quit = true
	default:
		_, cmd := r.Update(msg)
		r.run(cmd)
	}
}

func (r *topRig) press(keys ...string) {
	for _, key := range keys {
		switch key {
		case "up":
			r.send(tea.KeyPressMsg{Code: tea.KeyUp})
		case "down":
			r.send(tea.KeyPressMsg{Code: tea.KeyDown})
		default:
			r.send(tea.KeyPressMsg{Code: rune(key[0]), Text: key})
		}
	}
}

func (r *topRig) wants(t *testing.T, texts ...string) {
	t.Helper()
	got := r.View().Content
	for _, text := range texts {
		if !strings.Contains(got, text) {
			t.Fatalf("lacks %q:\n%s", text, got)
		}
	}
}

func TestTopFitsTheScreen(t *testing.T) {
	for _, lang := range []language{english, chinese} {
		for _, size := range [][2]int{{80, 24}, {60, 10}, {200, 50}, {20, 3}, {80, 1}} {
			r := newTopRig(lang)
			for i := range 30 {
				s := fleet().Services[i%2]
				s.Name = fmt.Sprintf("%s-%d", s.Name, i)
				r.fake.list = append(r.fake.list, s)
			}
			r.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			r.send(topTick{})
			r.press("G")
			lines := strings.Split(r.View().Content, "\n")
			if len(lines) > size[1] {
				t.Errorf("%s %v: %d lines", lang, size, len(lines))
			}
			for _, line := range lines {
				if columns(line) > max(size[0], 72) { // a table that cannot give way any more is cut by the terminal
					t.Errorf("%s %v: %d columns: %q", lang, size, columns(line), line)
				}
			}
			if size[1] >= 10 {
				r.wants(t, "› 分类-", r.fake.list[len(r.fake.list)-1].Name)
			}
		}
	}
}

func TestTopShowsRatesAndLogs(t *testing.T) {
	r := newTopRig(chinese)
	r.wants(t, "2 个服务，1 个在运行", "› ocr", "● 运行中", "分类", "▲ 退避中", "ocr 的日志", "ocr 第50行  text", "↑↓ 选择")
	r.fake.list = fleet().Services
	r.fake.list[0].Detail.Requests, r.fake.list[0].Detail.Errors = 30, 1
	r.now = r.now.Add(2 * time.Second)
	r.send(topTick{})
	fields := regexp.MustCompile(`› ocr +● 运行中 +2/2 +2.0% +80 MiB +15 +0.5 +2`)
	if !fields.MatchString(r.View().Content) {
		t.Fatalf("row of ocr:\n%s", r.View().Content)
	}
	titles, row := "", ""
	for _, line := range strings.Split(r.View().Content, "\n") {
		if strings.Contains(line, "请求/秒") {
			titles = line
		}
		if strings.Contains(line, "› ocr") {
			row = line
		}
	}
	if a, b := columns(titles[:strings.Index(titles, "请求/秒")+len("请求/秒")]), columns(row[:strings.Index(row, " 15 ")+3]); a != b {
		t.Errorf("the title ends at column %d, its number at %d:\n%s\n%s", a, b, titles, row)
	}
	r.fake.list = fleet().Services // the daemon has started anew
	r.now = r.now.Add(time.Second)
	r.send(topTick{})
	if _, ok := r.rates["ocr"]; ok {
		t.Error("a rate from counters that went back")
	}
	r.fake.err = errors.New("gone for a moment")
	r.send(topTick{})
	r.wants(t, "gone for a moment", "› ocr")
}

func TestTopKeys(t *testing.T) {
	r := newTopRig(english)
	r.press("down")
	r.wants(t, "› 分类", "log of 分类", "分类 第50行")
	r.press("down", "s")
	r.wants(t, "分类: stopped")
	r.fake.list[1].State = "stopped"
	r.send(topTick{})
	r.press("s", "up", "r")
	r.wants(t, "ocr: restarted")
	r.fake.fails = errors.New("no port is free")
	r.press("r")
	r.wants(t, "ocr: failed: no port is free")
	if got := fmt.Sprint(r.fake.acts); got != "[stop 分类 start 分类 restart ocr restart ocr]" {
		t.Errorf("actions %s", got)
	}
	r.press("l")
	if text := r.View().Content; strings.Contains(text, "MEMORY") || !strings.Contains(text, "第30行") {
		t.Errorf("the log alone:\n%s", text)
	}
	r.press("l")
	r.wants(t, "MEMORY")
	cmd := r.key("r") // under way
	r.wants(t, "restarting")
	if r.key("s") != nil || cmd == nil {
		t.Error("two actions at a time on one service")
	}
	r.press("q")
	if !r.quit {
		t.Error("q does not quit")
	}
}

func TestTopWithoutServices(t *testing.T) {
	r := newTopRig(english)
	r.fake.list = nil
	r.send(topTick{})
	r.press("down", "r", "s", "l")
	r.wants(t, "no services yet")
	if len(r.fake.acts) > 0 {
		t.Errorf("actions %v", r.fake.acts)
	}
}

func TestTopNeedsATerminal(t *testing.T) {
	newServer(t).run(t, "top").want(t, exitUsage, nil, []string{"top needs a terminal", "aictl status --watch"})
}

// TestTopOnATerminal runs the program on a real one.
func TestTopOnATerminal(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/services", fleet())
	s.stream("GET /api/v1/logs", api.LogLine{Time: now, Service: "ocr", Instance: "ocr/1", Text: "模型已加载"})
	here, there := openTerminal(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "top")
	cmd.Args[0] = "aictl"
	cmd.Env = append(os.Environ(), "AICTL_SERVER="+s.URL, "TERM=xterm-256color", "LANG=zh_CN.UTF-8")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = there, there, there
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := there.Close(); err != nil {
		t.Fatal(err)
	}
	var screen safeBuffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		io.Copy(&screen, here) // ends with an error when the terminal's other side is closed
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline := time.After(30 * time.Second)
	for !strings.Contains(screen.String(), "模型已加载") || !strings.Contains(screen.String(), "分类") {
		select {
		case <-deadline:
			t.Fatalf("not shown: %q", screen.String())
		case err := <-ended:
			t.Fatalf("ended: %v %q", err, screen.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	if _, err := here.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("exit: %v", err)
		}
	case <-deadline:
		t.Error("q does not end it")
		cmd.Process.Kill()
	}
	<-read
	if !strings.Contains(screen.String(), "\x1b[?1049h") || !strings.Contains(screen.String(), "\x1b[?1049l") {
		t.Errorf("the screen was not given back: %q", screen.String())
	}
}

// openTerminal makes a terminal of 80 by 24: this test's side, and a program's.
func openTerminal(t *testing.T) (here, there *os.File) {
	t.Helper()
	here, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close() })
	n, err := unix.IoctlGetInt(int(here.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(here.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(here.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	}
	if err != nil {
		t.Fatal(err)
	}
	if there, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return here, there
}
