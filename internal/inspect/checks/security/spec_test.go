package security

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestSecurityOfOneSpec(t *testing.T) {
	const subject = "Deployment/shop/web: Deployment web "
	cases := []struct {
		name, check, spec string
		want              []string
	}{
		{
			"host network",
			"pod-host-network",
			"hostNetwork: true, " + oneContainer(""),
			[]string{"medium " + subject + "uses the host network.", "  spec: spec.hostNetwork: true"},
		},
		{"no host network", "pod-host-network", oneContainer(""), nil},
		{
			"host processes",
			"pod-host-pid",
			"hostPID: true, " + oneContainer(""),
			[]string{"medium " + subject + "uses the host PID namespace.", "  spec: spec.hostPID: true"},
		},
		{"no host processes", "pod-host-pid", oneContainer(""), nil},
		{
			"host IPC",
			"pod-host-ipc",
			"hostIPC: true, " + oneContainer(""),
			[]string{"medium " + subject + "uses the host IPC namespace.", "  spec: spec.hostIPC: true"},
		},
		{"no host IPC", "pod-host-ipc", oneContainer(""), nil},
		{
			"a host port",
			"pod-host-port",
			oneContainer(", ports: [{containerPort: 80, hostPort: 8080}]"),
			[]string{"low " + subject + "uses host ports.", "  spec: container api: hostPort 8080/TCP"},
		},
		{
			"ports on the host's network",
			"pod-host-port",
			"hostNetwork: true, " + oneContainer(", ports: [{containerPort: 80, hostPort: 80}]"),
			nil,
		},
		{
			"privileged, an init container too",
			"container-privileged",
			"initContainers: [{name: setup, securityContext: {privileged: true}}], " + oneContainer(
				", securityContext: {privileged: true}",
			),
			[]string{
				"high " + subject + "runs privileged containers.", "  spec: init container setup: securityContext.privileged: true",
				"  spec: container api: securityContext.privileged: true"},
		},
		{
			"a privileged container for debugging",
			"container-privileged",
			oneContainer("") + ", ephemeralContainers: [{name: debug, securityContext: {privileged: true}}]",
			[]string{
				"high " + subject + "runs privileged containers.", "  spec: ephemeral container debug: securityContext.privileged: true"},
		},
		{"not privileged", "container-privileged", oneContainer(", securityContext: {privileged: false}"), nil},

		{
			"/etc for writing",
			"host-path-mounted",
			mounting("/etc/", ""),
			[]string{
				"high " + subject + "mounts hostPath volumes.",
				"  spec: volume v: hostPath /etc/, mounted read-write by container api",
			},
		},
		{
			"the socket of syslog",
			"host-path-mounted",
			mounting("/dev/log", ""),
			[]string{
				"medium " + subject + "mounts hostPath volumes.",
				"  spec: volume v: hostPath /dev/log, mounted read-write by container api",
			},
		},
		{
			"a disk of the node for writing",
			"host-path-mounted",
			mounting("/dev/sda", ""),
			[]string{
				"high " + subject + "mounts hostPath volumes.",
				"  spec: volume v: hostPath /dev/sda, mounted read-write by container api",
			},
		},
		{
			"the root for reading",
			"host-path-mounted",
			mounting("/", ", readOnly: true"),
			[]string{
				"medium " + subject + "mounts hostPath volumes.",
				"  spec: volume v: hostPath /, mounted read-only by container api",
			},
		},
		{
			"data for writing",
			"host-path-mounted",
			mounting("/srv/data", ""),
			[]string{
				"medium " + subject + "mounts hostPath volumes.",
				"  spec: volume v: hostPath /srv/data, mounted read-write by container api",
			},
		},
		{
			"logs for reading",
			"host-path-mounted",
			mounting("/var/log", ", readOnly: true"),
			[]string{
				"low " + subject + "mounts hostPath volumes.",
				"  spec: volume v: hostPath /var/log, mounted read-only by container api",
			},
		},
		{
			"an indirect path to /etc",
			"host-path-mounted",
			mounting("/srv/../etc/cron.d", ""),
			[]string{
				"high " + subject + "mounts hostPath volumes.",
				"  spec: volume v: hostPath /srv/../etc/cron.d, mounted read-write by container api",
			},
		},
		{
			"a path that is not mounted",
			"host-path-mounted",
			oneContainer("") + ", volumes: [{name: v, hostPath: {path: /etc}}]",
			[]string{"low " + subject + "mounts hostPath volumes.", "  spec: volume v: hostPath /etc, not mounted by a container"},
		},
		{"the time zone for reading", "host-path-mounted", mounting("/etc/localtime", ", readOnly: true"), nil},
		{"a socket, which has its own check", "host-path-mounted", mounting("/var/run/docker.sock", ""), nil},
		{"no path", "host-path-mounted", oneContainer("") + ", volumes: [{name: v, emptyDir: {}}]", nil},
		{
			"the socket of Docker",
			"container-socket-mounted",
			mounting("/var/run/docker.sock", ", readOnly: true"),
			[]string{
				"high " + subject + "mounts the socket of the container runtime.",
				"  spec: volume v: hostPath /var/run/docker.sock, mounted by container api",
			},
		},
		{
			"the folder of containerd",
			"container-socket-mounted",
			mounting("/run/containerd", ""),
			[]string{
				"high " + subject + "mounts the socket of the container runtime.",
				"  spec: volume v: hostPath /run/containerd, mounted by container api",
			},
		},
		{"another socket", "container-socket-mounted", mounting("/run/app/app.sock", ""), nil},

		{
			"SYS_ADMIN",
			"capabilities-added",
			oneContainer(", securityContext: {capabilities: {add: [CHOWN, NET_RAW, CAP_SYS_ADMIN]}}"),
			[]string{
				"high " + subject + "adds capabilities beyond the runtime's defaults.",
				"  spec: container api: capabilities.add NET_RAW, CAP_SYS_ADMIN",
			},
		},
		{
			"NET_ADMIN",
			"capabilities-added",
			oneContainer(", securityContext: {capabilities: {add: [NET_ADMIN]}}"),
			[]string{
				"medium " + subject + "adds capabilities beyond the runtime's defaults.",
				"  spec: container api: capabilities.add NET_ADMIN",
			},
		},
		{
			"another capability",
			"capabilities-added",
			oneContainer(", securityContext: {capabilities: {add: [IPC_LOCK]}}"),
			[]string{
				"low " + subject + "adds capabilities beyond the runtime's defaults.",
				"  spec: container api: capabilities.add IPC_LOCK",
			},
		},
		{"a default capability", "capabilities-added", oneContainer(", securityContext: {capabilities: {add: [NET_BIND_SERVICE]}}"), nil},
		{
			"none dropped",
			"capabilities-not-dropped",
			oneContainer(""),
			[]string{
				"info " + subject + "does not drop all capabilities.",
				"  spec: container api: securityContext.capabilities.drop is not set",
			},
		},
		{
			"some dropped",
			"capabilities-not-dropped",
			oneContainer(", securityContext: {capabilities: {drop: [NET_RAW]}}"),
			[]string{
				"info " + subject + "does not drop all capabilities.",
				"  spec: container api: securityContext.capabilities.drop does not contain ALL",
			},
		},
		{"all dropped", "capabilities-not-dropped", oneContainer(", securityContext: {capabilities: {drop: [all]}}"), nil},
		{"privileged, which drops nothing", "capabilities-not-dropped", oneContainer(", securityContext: {privileged: true}"), nil},
		{"Windows", "capabilities-not-dropped", "os: {name: windows}, " + oneContainer(""), nil},
		{"Windows by its nodes", "capabilities-not-dropped", "nodeSelector: {kubernetes.io/os: windows}, " + oneContainer(""), nil},

		{
			"root",
			"runs-as-root",
			"securityContext: {runAsUser: 1000}, " + oneContainer(", securityContext: {runAsUser: 0}"),
			[]string{"medium " + subject + "runs as root or in its group, or can run as root.", "  spec: container api: runAsUser: 0"},
		},
		{
			"the user of the image",
			"runs-as-root",
			oneContainer(""),
			[]string{
				"low " + subject + "runs as root or in its group, or can run as root.",
				"  spec: container api: neither runAsUser nor runAsNonRoot is set",
			},
		},
		{
			"the group of root",
			"runs-as-root",
			"securityContext: {runAsUser: 1000, runAsGroup: 0}, " + oneContainer(""),
			[]string{"low " + subject + "runs as root or in its group, or can run as root.", "  spec: container api: runAsGroup: 0"},
		},
		{"another group", "runs-as-root", "securityContext: {runAsUser: 1000, runAsGroup: 0}, " +
			oneContainer(", securityContext: {runAsGroup: 1000}"), nil},
		{"another user", "runs-as-root", "securityContext: {runAsUser: 1000}, " + oneContainer(""), nil},
		{"non-root is required", "runs-as-root", "securityContext: {runAsNonRoot: true}, " + oneContainer(""), nil},
		{"root in a user namespace", "runs-as-root", "hostUsers: false, " + oneContainer(", securityContext: {runAsUser: 0}"), nil},

		{
			"escalation not disallowed",
			"privilege-escalation-allowed",
			oneContainer(""),
			[]string{
				"low " + subject + "allows privilege escalation.",
				"  spec: container api: securityContext.allowPrivilegeEscalation is not set",
			},
		},
		{
			"escalation allowed",
			"privilege-escalation-allowed",
			oneContainer(", securityContext: {allowPrivilegeEscalation: true}"),
			[]string{
				"low " + subject + "allows privilege escalation.",
				"  spec: container api: securityContext.allowPrivilegeEscalation: true",
			},
		},
		{"escalation disallowed", "privilege-escalation-allowed", hardened, nil},
		{
			"a writable root filesystem",
			"root-filesystem-writable",
			oneContainer(""),
			[]string{
				"info " + subject + "has containers with a writable root filesystem.",
				"  spec: container api: securityContext.readOnlyRootFilesystem is not true",
			},
		},
		{"a read-only root filesystem", "root-filesystem-writable", hardened, nil},
		{
			"no seccomp profile",
			"seccomp-unconfined",
			oneContainer(""),
			[]string{
				"info " + subject + "has containers without a seccomp profile.",
				"  spec: container api: seccompProfile is not set on the container or the Pod",
			},
		},
		{
			"an unconfined container",
			"seccomp-unconfined",
			"securityContext: {seccompProfile: {type: RuntimeDefault}}, " + oneContainer(
				", securityContext: {seccompProfile: {type: Unconfined}}",
			),
			[]string{
				"medium " + subject + "has containers without a seccomp profile.",
				"  spec: container api: seccompProfile.type: Unconfined"},
		},
		{"the runtime's seccomp profile", "seccomp-unconfined", hardened, nil},

		{
			"latest",
			"image-tag-mutable",
			"containers: [{name: a, image: nginx}, {name: b, image: 'reg.example.com:5000/b'}, {name: c, image: 'c:latest'}]",
			[]string{"low " + subject + "uses images with the tag latest, or without a tag.",
				"  spec: container a: image nginx has no tag", "  spec: container b: image reg.example.com:5000/b has no tag",
				"  spec: container c: image c:latest"},
		},
		{
			"versions and digests",
			"image-tag-mutable",
			"containers: [{name: a, image: 'nginx:1.29'}, {name: b, image: 'nginx@sha256:" + strings.Repeat("ab",
				32) + "'}, {name: c, image: 'c:latest@sha256:" + strings.Repeat("ab", 32) + "'}]",
			nil,
		},
		{
			"a mutable tag that is not pulled again",
			"image-pull-policy-stale",
			"containers: [{name: a, image: 'nginx:main'}, {name: b, image: 'b:latest', imagePullPolicy: Never}]",
			[]string{
				"low " + subject + "can run different images of a mutable tag on different nodes.",
				"  spec: container a: image nginx:main, imagePullPolicy: IfNotPresent",
				"  spec: container b: image b:latest, imagePullPolicy: Never"},
		},
		{
			"registries without updates",
			"image-registry-frozen",
			"containers: [{name: a, image: 'k8s.gcr.io/pause:3.2'}, {name: b, image: 'bitnamilegacy/redis:7'}, {name: c, " +
				"image: 'gcr.io/google_containers/pause:3.1'}]",
			[]string{
				"low " + subject + "uses images from a registry that gets no updates any more.",
				"  spec: container a: image k8s.gcr.io/pause:3.2", "  spec: container b: image bitnamilegacy/redis:7",
				"  spec: container c: image gcr.io/google_containers/pause:3.1"},
		},
		{"registries with updates", "image-registry-frozen", "containers: [{name: a, image: 'registry.k8s.io/pause:3.10'}, {name: b, " +
			"image: 'gcr.io/google-containers-x/a:1'}, {name: c, image: redis}]", nil},
		{
			"a mutable tag that is always pulled",
			"image-pull-policy-stale",
			"containers: [{name: a, image: 'nginx:main', imagePullPolicy: Always}, {name: b, image: nginx}]",
			nil,
		},

		{
			"a privileged Pod by the standard",
			"pod-security-baseline",
			"hostNetwork: true, " + oneContainer(
				", ports: [{containerPort: 80, hostPort: 80}], securityContext: {privileged: true, capabilities: {add: [SYS_ADMIN]}}",
			),
			[]string{
				"medium " + subject + "does not meet the Pod Security Standard baseline.",
				`  spec: non-default capabilities: container "api" must not include "SYS_ADMIN" in securityContext.capabilities.add`,
				`  spec: host namespaces: hostNetwork=true`, `  spec: hostPort: container "api" uses hostPort 80`,
				`  spec: privileged: container "api" must not set securityContext.privileged=true`},
		},
		{
			"hosts of probes, sysctls and profiles by the standard",
			"pod-security-baseline",
			"securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}], appArmorProfile: {type: Unconfined}}, " +
				oneContainer(
					", livenessProbe: {httpGet: {port: 80, host: 10.0.0.1}}, securityContext: {procMount: Unmasked, seLinuxOptions: "+
						"{user: u}, windowsOptions: {hostProcess: true}}",
				),
			[]string{
				"medium " + subject + "does not meet the Pod Security Standard baseline.",
				`  spec: forbidden AppArmor profile: pod must not set AppArmor profile type to "Unconfined"`,
				`  spec: probe or lifecycle host: container "api" uses probe or lifecycle host "10.0.0.1"`,
				`  spec: procMount: container "api" must not set securityContext.procMount to "Unmasked"`,
				`  spec: seLinuxOptions: container "api" set forbidden securityContext.seLinuxOptions: user may not be set`,
				`  spec: forbidden sysctls: kernel.msgmax`,
				`  spec: hostProcess: container "api" must not set securityContext.windowsOptions.hostProcess=true`},
		},
		{"an ordinary Pod by the standard", "pod-security-baseline", oneContainer(""), nil},
		{"an ordinary Pod by the stricter standard", "pod-security-restricted", oneContainer(""), []string{
			"low " + subject + "does not meet the Pod Security Standard restricted.",
			`  spec: allowPrivilegeEscalation != false: container "api" must set securityContext.allowPrivilegeEscalation=false`,
			`  spec: unrestricted capabilities: container "api" must set securityContext.capabilities.drop=["ALL"]`,
			`  spec: runAsNonRoot != true: pod or container "api" must set securityContext.runAsNonRoot=true`,
			`  spec: seccompProfile: pod or container "api" must set securityContext.seccompProfile.type to "RuntimeDefault" or ` +
				`"Localhost"`}},
		{
			"what baseline reports is not repeated",
			"pod-security-restricted",
			strings.Replace(hardened, "drop: [ALL]", "add: [SYS_ADMIN]", 1) + ", volumes: [{name: v, hostPath: {path: /srv}}]",
			nil,
		},
		{"a hardened Pod", "pod-security-restricted", hardened, nil},
		{
			"all allowed volume types",
			"pod-security-restricted",
			hardened + `, volumes: [{name: a, configMap: {name: a}}, {name: b, secret: {secretName: b}}, 
          {name: c, projected: {sources: []}}, {name: d, downwardAPI: {items: []}}, {name: e, emptyDir: {}},
          {name: f, persistentVolumeClaim: {claimName: f}},
          {name: g, ephemeral: {volumeClaimTemplate: {spec: {}}}}, {name: h, csi: {driver: h}}]`,
			nil,
		},
		{"a network volume", "pod-security-restricted", hardened + ", volumes: [{name: v, nfs: {server: s, path: /}}]", []string{
			"low " + subject + "does not meet the Pod Security Standard restricted.",
			`  spec: restricted volume types: volume "v" uses restricted volume type "nfs"`}},
	}
	for _, c := range cases {
		t.Run(c.check+"/"+c.name, func(t *testing.T) {
			got := checktest.Text(t, Checks(), c.check, webWith(c.spec))
			if want := checktest.Lines(c.want...); got != want {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}
