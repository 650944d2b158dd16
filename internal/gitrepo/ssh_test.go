package gitrepo

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/testkit/gitserver"
)

// sshServer executes the programs of Git for one key, as sshd does for a user with git-shell.
type sshServer struct {
	address string
	hostKey ssh.Signer
	// userKey in PEM form.
	userKey []byte
}

func newKey(t *testing.T) (ssh.Signer, []byte) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return signer, pem.EncodeToMemory(block)
}

func newSSHServer(t *testing.T, dir string) *sshServer {
	t.Helper()
	s := &sshServer{}
	var user ssh.Signer
	user, s.userKey = newKey(t)
	s.hostKey, _ = newKey(t)
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(user.PublicKey().Marshal()) {
			return nil, fmt.Errorf("unknown key")
		}
		return nil, nil
	}}
	config.AddHostKey(s.hostKey)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s.address = listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveSSH(conn, config, dir)
		}
	}()
	return s
}

func serveSSH(conn net.Conn, config *ssh.ServerConfig, dir string) {
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			for request := range requests {
				_ = request.Reply(request.Type == "exec", nil)
				if request.Type != "exec" {
					continue
				}
				service, path, _ := strings.Cut(string(request.Payload[4:]), " ")
				command := exec.Command("git", strings.TrimPrefix(service, "git-"), dir) //nolint:gosec // ends with its input
				command.Stdin = channel
				command.Stdout = channel
				command.Stderr = channel.Stderr()
				if path != "'/repo.git'" {
					_, _ = io.WriteString(channel.Stderr(), "ERROR: Repository not found.\n")
					command = exec.Command("false")
				}
				status := uint32(0)
				if command.Run() != nil {
					status = 1
				}
				_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
				_ = channel.Close()
			}
		}()
	}
}

func TestACommitOverSSH(t *testing.T) {
	server := gitserver.New(t, map[string]string{"a": "0\n"})
	sshd := newSSHServer(t, server.Dir)
	line := func(address string, key ssh.PublicKey) []byte {
		return []byte("# a comment\n" + knownhosts.Line([]string{knownhosts.Normalize(address)}, key) + "\n")
	}
	hashedLine := []byte(knownhosts.Line([]string{knownhosts.HashHostname(knownhosts.Normalize(sshd.address))}, sshd.hostKey.PublicKey()) + "\n")
	url := "ssh://git@" + sshd.address + "/repo.git"
	set := func(url string, key, known []byte) func(*Remote, *Options) {
		return func(r *Remote, _ *Options) { r.URL, r.Key, r.KnownHosts = url, key, known }
	}
	first := strings.TrimSpace(server.Git("rev-parse", "main"))
	for i, known := range [][]byte{line(sshd.address, sshd.hostKey.PublicKey()), hashedLine} {
		r := open(t, server, set(url, sshd.userKey, known))
		key := fmt.Sprintf("key-%d", i)
		result, err := r.Commit(t.Context(), appending(key, "a", "x"))
		if err != nil {
			t.Fatal(err)
		}
		found, err := r.Find(t.Context(), "main", key, first)
		if err != nil || found.Result != result {
			t.Errorf("%+v, %v", found, err)
		}
		if server.Marked("main", key) != 1 {
			t.Error("not pushed")
		}
	}
	another, anotherKey := newKey(t)
	r := open(t, server, set(url, sshd.userKey, line(sshd.address, another.PublicKey())))
	_, err := r.Commit(t.Context(), appending("key", "a", "x"))
	wantProblem(t, err, v1alpha1.ReasonHostKeyUnknown, problem.UserMustAct, "another host key")
	_, err = Open(Remote{URL: url, Key: sshd.userKey, KnownHosts: line("other.example.com", another.PublicKey())}, Options{})
	wantProblem(t, err, v1alpha1.ReasonHostKeyUnknown, problem.UserMustAct, "has no key of")
	r = open(t, server, set(url, anotherKey, line(sshd.address, sshd.hostKey.PublicKey())))
	_, err = r.Commit(t.Context(), appending("key", "a", "x"))
	wantProblem(t, err, v1alpha1.ReasonUnauthorized, problem.UserMustAct, "rejected the private key")
	r = open(t, server, set("ssh://"+sshd.address+"/other.git", sshd.userKey, line(sshd.address, sshd.hostKey.PublicKey())))
	_, err = r.Commit(t.Context(), appending("key", "a", "x"))
	wantProblem(t, err, v1alpha1.ReasonForbidden, problem.UserMustAct, "Repository not found")
	r = open(t, server, set(url, sshd.userKey, line(sshd.address, sshd.hostKey.PublicKey())), func(_ *Remote, o *Options) { o.Egress.AllowLoopback = false })
	_, err = r.Commit(t.Context(), appending("key", "a", "x"))
	wantProblem(t, err, v1alpha1.ReasonEgressDenied, problem.UserMustAct, "never called")
}

func TestLimitsHoldOverSSH(t *testing.T) {
	files := map[string]string{}
	for i := range 5 {
		random := make([]byte, 900<<10)
		_, _ = rand.Read(random)
		files[fmt.Sprint(i)] = string(random)
	}
	server := gitserver.New(t, files)
	sshd := newSSHServer(t, server.Dir)
	for name, tc := range map[string]struct {
		maxPack, memory int64
		want            string
	}{
		"what is allowed":                      {8 << 20, 32 << 20, ""},
		"more than a fetch may have":           {100 << 10, 32 << 20, v1alpha1.ReasonResponseTooLarge},
		"more than the share of the namespace": {8 << 20, provider.MinResponseMemory, v1alpha1.ReasonResponseTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			memory := provider.NewResponseMemory(tc.memory)
			r := open(t, server, func(r *Remote, o *Options) {
				r.URL = "ssh://git@" + sshd.address + "/repo.git"
				r.Key = sshd.userKey
				r.KnownHosts = []byte(knownhosts.Line([]string{knownhosts.Normalize(sshd.address)}, sshd.hostKey.PublicKey()) + "\n")
				o.MaxPack = tc.maxPack
				o.Memory = memory.For("shop")
			})
			_, err := r.Snapshot(t.Context(), Ref{})
			if p := problem.As(err); tc.want == "" && err != nil || tc.want != "" && (p == nil || p.Reason != tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if left := memory.InUse(); left != 0 {
				t.Errorf("%d bytes are still taken", left)
			}
		})
	}
}
