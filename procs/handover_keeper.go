package procs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
)

// Next is what Run left for another program to take over, nil when it stopped everything instead.
func (k *Keeper) Next() *Handover { return k.next }

// inherit takes over what the program before held. It works with copies.
func (k *Keeper) inherit(cfg KeeperConfig) (err error) {
	doc := &cfg.Handover.doc
	if k.lock, err = copyOf(doc.Lock, "the lock"); err != nil {
		return err
	}
	if k.host, err = newHost(cfg); err != nil {
		return err
	}
	k.startedAt = doc.StartedAt
	k.listeners = new(listenerSet)
	for _, l := range doc.Listeners {
		fd, err := dupFD(l.FD)
		if err != nil {
			return fmt.Errorf("take over listener %s: %w", l.Name, err)
		}
		k.listeners.names, k.listeners.fds = append(k.listeners.names, l.Name), append(k.listeners.fds, fd)
	}
	socket, err := copyOf(doc.Socket, "the keeper's socket")
	if err != nil {
		return err
	}
	k.socket, err = net.FileListener(socket)
	return errors.Join(err, socket.Close())
}

// goOn takes up the work of the program before this one.
func (k *Keeper) goOn(ctx context.Context) {
	if k.handover == nil {
		return
	}
	doc := &k.handover.doc
	k.host.feed.goOn(k.handover.lastSeq())
	for n := range doc.Instances {
		k.resumeHeld(&doc.Instances[n])
	}
	k.news.status = doc.Upgrade
	var fault error
	if k.handover.fault != "" {
		fault = fmt.Errorf("%w: %s", ErrNotUp, k.handover.fault)
	}
	k.news.end(fault)
	if k.child != nil {
		k.child.takeOver(ctx, doc.Daemons)
	}
	if fault != nil && k.child != nil {
		k.host.log.Error("the new program did not take over, going on with the old one", "err", k.handover.fault)
		k.child.revert = &upgrade{program: k.child.spec.Argv[0], own: k.child.spec.Own, patience: doc.Patience, news: &k.news}
	} else {
		k.news.setTo(k.version)
		k.host.log.Info("keeper upgraded", "from", doc.Upgrade.From, "to", k.version)
	}
	if err := k.handover.Close(); err != nil {
		k.host.log.Warn("give up what was handed over", "err", err)
	}
}

// inBetween is more changes than the program in between can have told before it gave back.
const inBetween = 1 << 32

// lastSeq is no lower than the number of any change that has been told in this process.
func (h *Handover) lastSeq() uint64 {
	if h.fault != "" {
		return h.doc.Seq + inBetween
	}
	return h.doc.Seq
}

// handOver lets go of everything and writes down what it is. Whatever is not answered yet is answered now: it is done, or
// under way, and only its end is not known.
func (k *Keeper) handOver(server *server, up *upgrade) error {
	doc := document{
		Format: handoverFormat, PID: os.Getpid(), StartedAt: k.startedAt, Upgrade: k.news.get(), Patience: up.patience,
	}
	k.host.handing.Store(true)
	var err error
	if doc.Lock, err = dupFD(int(k.lock.Fd())); err != nil {
		return err
	}
	socket, ok := k.socket.(*net.UnixListener)
	if !ok {
		return fmt.Errorf("%T is not the keeper's socket", k.socket)
	}
	if doc.Socket, err = dupListener(socket); err != nil {
		return err
	}
	for n, name := range k.listeners.names {
		fd, err := dupFD(k.listeners.fds[n])
		if err != nil {
			return err
		}
		doc.Listeners = append(doc.Listeners, passedSocket{Name: name, FD: fd})
	}
	err = k.socket.Close()
	server.close(ErrHandover)
	for _, h := range k.freeze() {
		doc.Instances = append(doc.Instances, *h)
		doc.Pipes = append(doc.Pipes, h.pipes...)
	}
	var fault error
	doc.Daemons, fault = k.child.hold()
	if err = errors.Join(err, fault); err != nil {
		k.host.log.Warn("let go for the next program", "err", err)
	}
	doc.Seq = k.host.feed.last()
	k.next, err = newHandover(doc)
	return err
}

// freeze makes every instance let go and returns what they held.
func (k *Keeper) freeze() []*heldInstance {
	k.mu.Lock()
	all := k.instances
	k.instances = nil
	k.closing = true
	k.mu.Unlock()
	for _, i := range all {
		close(i.quit)
	}
	held := make([]*heldInstance, 0, len(all))
	for _, i := range all {
		<-i.done
		if i.held != nil {
			held = append(held, i.held)
		}
	}
	return slices.Clip(held)
}
