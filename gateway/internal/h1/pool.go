package h1

import (
	"context"
	"net"
	"sync"
	"time"
)

// Options of a Pool.
type Options struct {
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	Idle    time.Duration // how long a connection is kept without use
	MaxIdle int           // connections kept for one address
	MaxHead int           // bytes of an answer's head, and of its trailer
}

// Pool keeps connections to instances. Its methods are safe for concurrent use.
type Pool struct {
	opt Options

	mu    sync.Mutex
	idle  map[string][]*conn // by address, the last used at the end
	sweep *time.Timer        // nil while nothing is idle
}

// New returns a pool without connections.
func New(opt Options) *Pool { return &Pool{opt: opt, idle: map[string][]*conn{}} }

// take returns an idle connection that can carry a request, nil when there is none.
func (p *Pool) take(addr string) *conn {
	for {
		cn := p.pop(addr)
		if cn == nil || time.Since(cn.since) < p.opt.Idle && cn.alive() {
			return cn
		}
		cn.close()
	}
}

func (p *Pool) pop(addr string) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	conns := p.idle[addr]
	if len(conns) == 0 {
		return nil
	}
	last := len(conns) - 1
	cn := conns[last]
	conns[last] = nil
	p.idle[addr] = conns[:last]
	return cn
}

// give takes a connection back whose last answer was read to its end.
func (p *Pool) give(cn *conn) {
	cn.since = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	conns := p.idle[cn.addr]
	if len(conns) >= p.opt.MaxIdle {
		cn.close()
		return
	}
	p.idle[cn.addr] = append(conns, cn)
	if p.sweep == nil {
		p.sweep = time.AfterFunc(p.opt.Idle, p.sweepNow)
	}
}

// sweepNow closes what has been idle for too long and comes back as long as something is idle.
func (p *Pool) sweepNow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for addr, conns := range p.idle {
		old := 0
		for old < len(conns) && now.Sub(conns[old].since) >= p.opt.Idle {
			conns[old].close()
			old++
		}
		p.idle[addr] = append(conns[:0], conns[old:]...)
		clear(conns[len(conns)-old:])
		if old == len(conns) {
			delete(p.idle, addr)
		}
	}
	if len(p.idle) == 0 {
		p.sweep = nil
		return
	}
	p.sweep.Reset(p.opt.Idle / 2)
}

// CloseIdleConnections closes what is not in use.
func (p *Pool) CloseIdleConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conns := range p.idle {
		for _, cn := range conns {
			cn.close()
		}
	}
	clear(p.idle)
	if p.sweep != nil && p.sweep.Stop() {
		p.sweep = nil
	}
}
