package procs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ServiceManager is who started the keeper and wants to hear how it is: systemd, see sd_notify(3). The zero value is nobody.
type ServiceManager struct {
	Socket   string        // a path, or an abstract name that begins with @
	Watchdog time.Duration // the keeper is taken for dead when it says nothing for this long; 0 for never
}

// managerVariables belong to the keeper alone: a daemon or service that had them could speak in its name.
var managerVariables = []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}

// FindServiceManager reads the manager's variables. getenv is os.Getenv, pid this process's.
func FindServiceManager(getenv func(string) string, pid int) (ServiceManager, error) {
	m := ServiceManager{Socket: getenv("NOTIFY_SOCKET")}
	if m.Socket != "" && m.Socket[0] != '/' && m.Socket[0] != '@' {
		return ServiceManager{}, fmt.Errorf("NOTIFY_SOCKET=%s is neither a path nor an abstract socket", m.Socket)
	}
	usec := getenv("WATCHDOG_USEC")
	if meant := getenv("WATCHDOG_PID"); usec == "" || meant != "" && meant != strconv.Itoa(pid) {
		return m, nil
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 || n > int64(time.Duration(1<<63-1)/time.Microsecond) {
		return ServiceManager{}, fmt.Errorf("WATCHDOG_USEC=%s is not a number of microseconds", usec)
	}
	m.Watchdog = time.Duration(n) * time.Microsecond
	return m, nil
}

// notifyPatience is how long the manager may take to receive; the keeper has other things to do.
const notifyPatience = time.Second

// send tells the manager, if there is one.
func (m ServiceManager) send(lines ...string) error {
	if m.Socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.Socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	if err = conn.SetWriteDeadline(time.Now().Add(notifyPatience)); err == nil {
		_, err = conn.Write([]byte(strings.Join(lines, "\n")))
	}
	if err = errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}

// reloading begins a reload. The time lets the manager tell this reload's end from an earlier one's.
func (m ServiceManager) reloading(status string) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return err
	}
	return m.send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(now.Nano()/1000, 10), "STATUS="+status)
}

// tell is send for those who go on whatever comes of it.
func (k *Keeper) tell(lines ...string) {
	if err := k.manager.send(lines...); err != nil {
		k.host.log.Warn("service manager was not told", "err", err)
	}
}

// feedWatchdog tells the manager twice in its time that the keeper answers, as long as it does.
func (k *Keeper) feedWatchdog(ctx context.Context) {
	every := k.manager.Watchdog / 2
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := k.answers(ctx, every); err == nil {
			k.tell("WATCHDOG=1")
		} else if ctx.Err() == nil {
			k.host.log.Error("the keeper does not answer itself", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// answers asks this keeper something, the way everybody does.
func (k *Keeper) answers(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := Dial(ctx, k.Socket())
	if err != nil {
		return err
	}
	_, err = client.Version(ctx)
	if closed := client.Close(); !errors.Is(closed, net.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return err
}
