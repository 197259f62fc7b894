package main

import (
	"strings"
	"testing"
	"time"

	"aictl/api"
)

func TestEvents(t *testing.T) {
	s := newServer(t)
	s.stream("GET /api/v1/events",
		api.Event{Seq: 1, Time: now, Kind: "instance.exited", Service: "ocr", Instance: "ocr/1", Reason: "exited with code 3", Fields: map[string]string{"code": "3", "pid": "11"}},
		api.Event{Seq: 2, Time: now, Kind: "deploy.step", Service: "分类", Reason: "ocr/1\x1b[2J", Fields: map[string]string{"step": "health", "state": "failed"}},
		api.Event{Seq: 3, Time: now, Kind: "service.started", Service: "ocr"})
	at := now.Local().Format(time.DateTime)
	s.run(t, "events").want(t, exitOK, []string{
		at + "  ocr/1  exited  exited with code 3\n",
		at + "  分类  deploy step  health failed ocr/1[2J\n",
		at + "  ocr  started\n",
	}, nil)
	s.run(t, "events", "--lang", "zh").want(t, exitOK, []string{"  ocr/1  已退出  ", "  部署 步骤  健康检查 失败 "}, nil)
	s.run(t, "events", "-o", "wide").want(t, exitOK, []string{"exited with code 3 code=3 pid=11\n"}, nil)
	s.run(t, "events", "-o", "yaml").want(t, exitOK, []string{"---\nseq: 1\n"}, nil)
	s.runTTY(t, 80, "events").want(t, exitOK, []string{"\x1b[33mexited\x1b[0m", "\x1b[32mstarted\x1b[0m"}, nil)
	r := s.run(t, "events", "-f", "--service", "o*", "-s", "@nlp", "--since", "10m", "-o", "json")
	r.want(t, exitOK, []string{`"kind":"instance.exited","service":"ocr","instance":"ocr/1"`}, nil)
	if n := strings.Count(r.out, "\n"); n != 3 {
		t.Errorf("%d lines for 3 events", n)
	}
	s.sawRequest(t, "GET /api/v1/events?follow=true&service=o%2A&service=%40nlp&since=2026-11-21T11%3A50%3A00Z")
	s.run(t, "events", "--since", "soon").want(t, exitUsage, nil, []string{"soon"})
}
