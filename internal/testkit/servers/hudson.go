package servers

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// HudsonUser and HudsonPassword are the credentials of a Hudson. It has no API tokens.
const (
	HudsonUser     = "kubeops"
	HudsonPassword = "hudson-test-password"
)

// Hudson is HudsonAt on loopback.
func Hudson(t testing.TB, jobs map[string]string) (url string, process *Process) {
	t.Helper()
	return HudsonAt(t, Place{}, jobs)
}

// HudsonAt starts a Hudson 3.3.2 with two executors, whose jobs have these config.xml by name. Requests without credentials can read. It
// keeps its port and its data when it is stopped and started again. It takes 10 to 30 seconds: share it, see Shared.
func HudsonAt(t testing.TB, place Place, jobs map[string]string) (url string, process *Process) {
	t.Helper()
	dir := scratch(t)
	home := filepath.Join(dir, "home")
	files := map[string]string{
		"config.xml": `<hudson><version>3.3.2</version><numExecutors>2</numExecutors><mode>NORMAL</mode><quietPeriod>5</quietPeriod>` +
			`<slaveAgentPort>-1</slaveAgentPort></hudson>`,
		"hudson-security.xml": `<hudsonSecurityManager><useSecurity>true</useSecurity>` +
			`<authorizationStrategy class="hudson.security.FullControlOnceLoggedInAuthorizationStrategy"/>` +
			`<securityRealm class="hudson.security.HudsonPrivateSecurityRealm"><disableSignup>true</disableSignup></securityRealm>` +
			`<slaveAgentPort>-1</slaveAgentPort></hudsonSecurityManager>`,
		filepath.Join("users", HudsonUser, "config.xml"): fmt.Sprintf(`<user><fullName>KubeOps</fullName><properties>`+
			`<hudson.security.HudsonPrivateSecurityRealm_-Details><passwordHash>salt:%x</passwordHash>`+
			`</hudson.security.HudsonPrivateSecurityRealm_-Details></properties></user>`, sha256.Sum256([]byte(HudsonPassword+"{salt}"))),
	}
	for name, config := range jobs {
		files[filepath.Join("jobs", name, "config.xml")] = config
	}
	for name, content := range files {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("<?xml version='1.0' encoding='UTF-8'?>\n"+content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder := Folder(t, "hudson")
	address, port := place.port(t)
	args := []string{"-Xms64m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:ErrorFile=/dev/null"}
	for _, module := range []string{ // what Hudson reads by reflection
		"java.base/java.lang", "java.base/java.lang.reflect", "java.base/java.util", "java.base/java.util.concurrent", "java.base/java.io",
		"java.base/java.text", "java.base/java.net", "java.desktop/java.awt.font",
	} {
		args = append(args, "--add-opens", module+"=ALL-UNNAMED")
	}
	args = append(args, "-DskipInitSetup=true", "-Dhudson.util.ProcessTree.disable=true", "-DHUDSON_HOME="+home, "-Djava.io.tmpdir="+dir,
		"-Duser.home="+dir, "-cp", filepath.Join(folder, "hudson.war")+":"+folder, "Launcher", "--httpPort="+port,
		"--httpListenAddress="+place.address())
	path, line := leashed(filepath.Join(folder, "java", "bin", "java"), args...)
	path, line = place.within(path, line)
	url = "http://" + address
	process = Start(t, Spec{Name: "hudson", Path: path, Args: line, Dir: dir, Deadline: 5 * time.Minute, Ready: hudsonReady(url)})
	return url, process
}

// hudsonReady wants the credentials to be accepted. While Hudson starts it answers anything with a page that waits.
func hudsonReady(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/me/api/json?tree=id", nil)
		if err != nil {
			return err
		}
		request.SetBasicAuth(HudsonUser, HudsonPassword)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, response.Status)
		}
		return nil
	}
}
