package lastline

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/hostname"
	"kubeops.io/kubeops/internal/remedy"
)

// serviceLink explains a variable that Kubernetes sets for a Service of the namespace, as a program reads it: tcp://<cluster IP>:<port>.
// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
func serviceLink(l line) (Saying, bool) {
	if !l.has("invalid", "not a valid", "pars", "numberformat", "number", "integer", "valueerror", "malformed", "convert", "illegal") {
		return Saying{}, false // a program may use such an address on purpose
	}
	for _, scheme := range []string{"tcp://", "udp://"} {
		address := l.after(scheme)
		ip, port, err := net.SplitHostPort(address)
		if err != nil {
			continue
		}
		service := l.index.ServiceAt(ip)
		if service == nil || service.Namespace != l.pod.Namespace || l.pod.Spec == nil || l.pod.Spec.Lean == nil ||
			l.pod.Spec.Lean.EnableServiceLinks != nil && !*l.pod.Spec.Lean.EnableServiceLinks {
			continue
		}
		name := strings.ToUpper(strings.ReplaceAll(service.Name, "-", "_")) + "_PORT"
		return Saying{
			Why: fmt.Sprintf("it reads a value that Kubernetes sets for Service %s of its namespace: %s is "+
				"%s%s:%s", service.Name, name, scheme,
				ip, port),
			Fix: remedy.Sprintf("Set enableServiceLinks: false in the Pod template of %s, set %s in its env, or give Service %s "+
				"another name.",
				l.owner(), name, service.Name),
			Evidence: []check.Evidence{check.FromSpec("Service %s: clusterIP %s; enableServiceLinks is not false", service.Name, ip)},
		}, true
	}
	return Saying{}, false
}

// failedLookups and failedConnections are what clients say, in lower case: those of many programming languages, and the C library and
// programs in some languages of people.
func failedLookups() []string {
	return []string{
		"no such host", "could not resolve", "name or service not known", "temporary failure in name resolution", "enotfound", "eai_again",
		"unknownhost", "unknown host", "could not translate host name", "name resolution", "nodename nor servname", "failed to lookup",
		"failed to resolve", "getaddrinfo", "servfail", "nxdomain", "bad address", "dial tcp: lookup", "unknown mysql server host",
		"无法解析", "解析失败", "未知主机", "未知的名称或服务", "名前またはサービスが不明", "der name oder der dienst ist nicht bekannt",
		"nom ou service inconnu", "nombre o servicio desconocido", "неизвестное имя или служба",
	}
}

func failedConnections() []string {
	return []string{
		"connection refused", "econnrefused", "connection timed out", "etimedout", "i/o timeout", "connect timed out", "no route to host",
		"ehostunreach", "network is unreachable", "could not connect", "can't connect", "cannot connect", "unable to connect",
		"failed to connect", "connection timeout", "deadline exceeded", "connectexception", "waiting for", "is unavailable",
		"could not be established", "broker may not be available", "brokers are down", "no reachable servers", "no servers available",
		"连接超时", "连接被拒绝", "拒绝连接", "无法连接", "连接失败", "连接不上", "接続が拒否", "接続できません", "接続に失敗", "verbindung verweigert",
		"verbindungsaufbau abgelehnt", "keine verbindung", "connexion refusée", "connexion impossible", "impossible de se connecter",
		"conexión rehusada", "conexión rechazada", "no se pudo conectar", "в соединении отказано", "не удалось подключиться",
	}
}

// hostUnreachable names the obstacle between the Pod and a host that the line, or the configuration of the container, names.
func hostUnreachable(l line) (Saying, bool) {
	lookup := l.has(failedLookups()...)
	if !lookup && !l.has(failedConnections()...) {
		return Saying{}, false
	}
	uses, named := l.hosts()
	for _, use := range uses {
		if o, found := l.index.Find(l.pod, use.Host, use.Port); found {
			return Saying{
				Why: fmt.Sprintf("it cannot reach %s: %s", use.Host, o.Why), Fix: o.Fix, Evidence: o.Evidence, Culprits: o.Culprits,
				guessed: !named,
			}, true
		}
	}
	for _, use := range uses {
		if o, found := l.index.OtherResolver(l.pod, use.Host); found && lookup && named {
			return Saying{Why: fmt.Sprintf("it cannot look up %s: %s", use.Host, o.Why), Fix: o.Fix, Evidence: o.Evidence}, true
		}
		if o, found := l.index.Unknown(l.pod, use.Host); found && lookup && named {
			return Saying{Why: fmt.Sprintf("it cannot look up %s: %s", use.Host, o.Why), Fix: o.Fix, Evidence: o.Evidence,
				Culprits: o.Culprits}, true
		}
	}
	if o, blocked := l.index.Lookup(l.pod); blocked && lookup {
		return Saying{Why: "it cannot look up a host: " + o.Why, Fix: o.Fix, Evidence: o.Evidence, Culprits: o.Culprits}, true
	}
	return Saying{}, false
}

// hosts are those of the line, first the one that a lookup names; without any, those of the container's configuration.
func (l line) hosts() (uses []hostname.Use, named bool) {
	for _, opening := range []string{
		"lookup ", "enotfound ", "eai_again ", "resolve host: ", "resolve host ", "unknownhostexception: ", "host name ", "unknown host ",
		"server at ", "bad address ", "server host ", "failed to lookup ", "failed to resolve ",
	} {
		if use, ok := hostname.Parse(l.after(opening)); ok {
			uses = append(uses, use)
		}
	}
	if len(uses) == 0 {
		uses = hostname.In(l.text)
	}
	if len(uses) > 0 || l.pod.Spec == nil {
		return uses, true
	}
	for _, host := range l.g.HostsOf(l.pod, l.container.Name) {
		uses = append(uses, hostname.Use{Host: host.Host, Port: host.Port})
	}
	return uses, false
}

func addressInUse(l line) (Saying, bool) {
	if !l.has("address already in use", "eaddrinuse", "address in use") {
		return Saying{}, false
	}
	port := portOf(l.text)
	if port == 0 || l.pod.Spec == nil || l.pod.Spec.Lean == nil {
		return Saying{}, false
	}
	for _, other := range l.pod.Spec.Lean.Containers {
		if other.Name == l.container.Name {
			continue
		}
		for _, declared := range other.Ports {
			if declared.ContainerPort == port {
				return Saying{
					Why: fmt.Sprintf("container %s of the same Pod has port %d", other.Name, port),
					Fix: remedy.Sprintf("Let one of the containers listen on another port: the containers of a Pod share its " +
						"network."),
					Evidence: []check.Evidence{check.FromSpec("container %s: containerPort %d", other.Name, port)},
				}, true
			}
		}
	}
	if l.pod.Spec.HostNetwork {
		return Saying{
			Why:      fmt.Sprintf("port %d of its node is in use, and the Pod uses the host network", port),
			Fix:      "Let the program listen on another port, or do without hostNetwork. `ss -ltnp` on the node shows what has the port.",
			Evidence: []check.Evidence{check.FromSpec("hostNetwork: true")},
		}, true
	}
	return Saying{}, false
}

// portOf is the port in a line about a listener: the last number after a colon.
func portOf(text string) int32 {
	var port int32
	for i := range len(text) {
		if text[i] != ':' {
			continue
		}
		end := i + 1
		for end < len(text) && '0' <= text[end] && text[end] <= '9' {
			end++
		}
		if number, err := strconv.ParseUint(text[i+1:end], 10, 16); err == nil && number > 0 {
			port = int32(number) //nolint:gosec // at most 65535
		}
	}
	return port
}

func portPrivileged(l line) (Saying, bool) {
	if !l.has("permission denied", "eacces") || !l.has("bind", "listen") {
		return Saying{}, false
	}
	port := portOf(l.text)
	if port == 0 || port >= 1024 {
		return Saying{}, false
	}
	s := Saying{
		Why: fmt.Sprintf("it may not listen on port %d, which is reserved for root", port),
		Fix: "Let the program listen on a port above 1023 (the Service can keep its port and change targetPort), or add capability " +
			"NET_BIND_SERVICE.",
	}
	if user, set := l.runsAs(); set {
		s.Evidence = []check.Evidence{check.FromSpec("runAsUser: %d", user)}
	}
	return s, true
}

// certificate explains a certificate that a client does not accept, as crypto/x509, OpenSSL and Java word it.
func certificate(l line) (Saying, bool) {
	host := ""
	if uses := hostname.In(l.text); len(uses) > 0 {
		host = " of " + uses[0].Host
	}
	switch {
	case l.has("certificate has expired", "certificate expired", "cert_has_expired", "certificateexpiredexception"):
		return Saying{Why: "the certificate" + host + " has expired", Fix: "Renew the certificate of the server" +
			", and see why it was not renewed: `kubectl get certificates -A` with cert-manager."}, true
	case l.has("not yet valid"):
		return Saying{
			Why: "the certificate" + host + " is not yet valid, or the clock of its node is off",
			Fix: "Compare the clock of the node (`timedatectl`) with the start of the certificate.",
		}, true
	case l.has("unknown authority", "unable to get local issuer certificate", "self-signed certificate", "self signed certificate",
		"unable_to_verify_leaf_signature", "pkix path building failed", "certificate_unknown", "unknown ca"):
		return Saying{
			Why: "it does not trust the certificate authority" + host,
			Fix: "Mount the certificate of the authority into the container and configure the program to use it, or give the server a " +
				"certificate that the image trusts.",
		}, true
	case l.has("certificate is valid for", "hostname mismatch", "no subject alternative", "err_tls_cert_altname_invalid",
		"certificate is not valid for any names"):
		return Saying{
			Why: "the certificate" + host + " has another name than the host that it connects to",
			Fix: "Use a name in the certificate (`openssl s_client -connect` shows them), or issue one with this name, such as that " +
				"of the " +
				"Service: <name>.<namespace>.svc.",
		}, true
	default:
		return Saying{}, false
	}
}

// passwordRejected explains a login that a server refused, as databases and brokers word it.
func passwordRejected(l line) (Saying, bool) {
	if !l.has("password authentication failed", "access denied for user", "wrongpass", "noauth authentication required",
		"invalid username or password", "invalid password", "login failed for user", "authentication failed", "access_refused",
		"sasl authentication", "auth failed") {
		return Saying{}, false
	}
	s := Saying{
		Why: "the server rejects its user or password",
		Fix: "Compare user and password in the configuration with those of the server. A database keeps the password that it was created " +
			"with: a Secret that changed later does not change it.",
	}
	if l.pod.Spec == nil {
		return s, true
	}
	var secrets []string
	for _, ref := range l.pod.Spec.Refs {
		if ref.Kind == facts.Secret && ref.Field != "imagePullSecrets" && !slices.Contains(secrets, ref.Name) {
			secrets = append(secrets, ref.Name)
		}
	}
	if len(secrets) > 0 {
		s.Evidence = []check.Evidence{check.FromSpec("Secrets in the Pod template: %s", strings.Join(secrets[:min(len(secrets), 5)], ", "))}
	}
	return s, true
}
