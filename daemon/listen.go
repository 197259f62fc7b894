package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"aictl/configs"
	"aictl/procs"
)

// listeners are open sockets by their names.
type listeners map[string]net.Listener

func (l listeners) close() error {
	var errs []error
	for _, listener := range l {
		errs = append(errs, listener.Close())
	}
	return errors.Join(errs...)
}

// listen opens the addresses, but for those that the service manager has opened already, and writes down which they
// are. It runs once the keeper holds the lock of the data directory.
func listen(dir Layout, s configs.Settings, version string, passed []procs.Activated) (_ map[string]net.Listener, err error) {
	open, err := assign(passed)
	if err != nil {
		return nil, errors.Join(err, open.close())
	}
	opened := make(listeners) // without those passed: the keeper may try once more
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.close())
		}
	}()
	for _, l := range []struct {
		name string
		open func() (net.Listener, error)
	}{
		{listenAPI, func() (net.Listener, error) { return listenTCP(s.Listen, "--listen") }},
		{listenGateway, func() (net.Listener, error) { return listenTCP(s.GatewayListen, "--gateway-listen") }},
		{listenSocket, func() (net.Listener, error) { return listenUnix(dir.APISocket()) }},
	} {
		if open[l.name] != nil {
			continue
		}
		listener, err := l.open()
		if err != nil {
			return nil, err
		}
		open[l.name], opened[l.name] = listener, listener
	}
	return open, dir.writeState(State{
		PID: os.Getpid(), StartedAt: time.Now().UTC(), Version: version, Socket: dir.APISocket(),
		API: urlOf(open[listenAPI].Addr(), s.TLS), Gateway: urlOf(open[listenGateway].Addr(), s.GatewayTLS),
	})
}

// assign says what each socket of the service manager is for: its name does, when it is "api" or "gateway". The sockets
// of one unit share one name; the first that is not named so is the API's, the second the gateway's.
func assign(passed []procs.Activated) (listeners, error) {
	open := make(listeners)
	var fault error
	for _, p := range passed {
		name := p.Name
		if name != listenAPI && name != listenGateway {
			name = listenAPI
			if open[listenAPI] != nil {
				name = listenGateway
			}
		}
		if open[name] != nil {
			fault = errors.Join(fault, p.Close(),
				fmt.Errorf("the service manager passes a second socket for %s, %s (named %q): aictl takes one for the API and one for the gateway", name, p.Addr(), p.Name))
			continue
		}
		open[name] = p.Listener
	}
	return open, fault
}
