package ci

import (
	"fmt"
	"strings"
)

// HudsonJobs are the config.xml of the jobs that the suite needs, for a real server: job, unmarked and disabled.
func HudsonJobs(marker string) map[string]string {
	// Hudson fails a build without a report, so that each has one.
	// The workspace is that of all builds of a job.
	script := fmt.Sprintf(`rm -rf reports
echo '&lt;testsuite name="s"&gt;&lt;testcase classname="c" name="a"/&gt;&lt;/testsuite&gt;' &gt;report.xml
case "$%s" in
%s) sleep 600 ;;
%s) rm report.xml; exit 1 ;;
%s) echo '&lt;testsuite name="s"&gt;&lt;testcase classname="c" name="a"/&gt;&lt;testcase classname="c" name="b"/&gt;`+
		`&lt;testcase classname="c" name="f"&gt;&lt;failure message="m"/&gt;&lt;/testcase&gt;`+
		`&lt;testcase classname="c" name="x"&gt;&lt;skipped/&gt;&lt;/testcase&gt;&lt;/testsuite&gt;' &gt;report.xml ;;
%s) awk 'BEGIN { for (n = 0; n &lt; %d; n++) printf "%s\n", n }' ;;
%s) mkdir -p reports; printf '%%s' '%s' &gt;'%s' ;;
esac`, Behaviour, Hold, Fail, Unstable, Lines, LineCount, lineFormat, Archive, ArtifactContent, ArtifactPath)
	job := func(disabled bool, parameters ...string) string {
		var declared strings.Builder
		for _, name := range parameters {
			_, _ = fmt.Fprintf(&declared, "<hudson.model.StringParameterDefinition><name>%s</name><description></description>"+
				"<defaultValue></defaultValue></hudson.model.StringParameterDefinition>", name)
		}
		return fmt.Sprintf("<project><description></description><properties>"+
			"<hudson.model.ParametersDefinitionProperty><parameterDefinitions>%s"+
			"</parameterDefinitions></hudson.model.ParametersDefinitionProperty></properties><scm class='hudson.scm.NullSCM'/>"+
			"<canRoam>true</canRoam><disabled>%t</disabled><concurrentBuild>true</concurrentBuild>"+
			"<builders><hudson.tasks.Shell><command>%s"+
			"</command></hudson.tasks.Shell></builders>"+
			"<publishers><hudson.tasks.ArtifactArchiver><artifacts>**</artifacts><latestOnly>false</latestOnly>"+
			"</hudson.tasks.ArtifactArchiver>"+
			"<hudson.tasks.junit.JUnitResultArchiver><testResults>*.xml</testResults>"+
			"</hudson.tasks.junit.JUnitResultArchiver></publishers><buildWrappers/></project>", declared.String(), disabled, script)
	}
	return map[string]string{
		"job": job(false, marker, Behaviour), "unmarked": job(false, Behaviour), "disabled": job(true, marker, Behaviour),
	}
}
