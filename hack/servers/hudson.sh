# Hudson 3.3.2 from Maven Central: the closest real server to Jenkins that is available as a package. It runs on Java 17 or older with
# a launcher that gives it the Java version it knows; the tests give it the one in ./java, a link.
java17() { ls -d /usr/lib/jvm/java-17-openjdk-* 2>/dev/null | head -n 1; }
if ! command -v mvn >/dev/null || [[ ! -x $(java17)/bin/javac ]]; then
	[[ $(id -u) == 0 ]] || { echo "install maven and openjdk-17-jdk-headless" >&2; exit 1; }
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends maven openjdk-17-jdk-headless
fi
java=$(java17)
mvn -q -B dependency:copy -Dartifact=org.eclipse.hudson:hudson-war:3.3.2:war -DoutputDirectory=. -Dmdep.useBaseVersion=true
mv hudson-war-3.3.2.war hudson.war
cat >Launcher.java <<'JAVA'
/** Starts Hudson under the Java version that it was written for; later ones have version numbers that it cannot read. */
public class Launcher {
    public static void main(String[] args) throws Exception {
        System.setProperty("java.version", "1.8.0_301");
        System.setProperty("java.specification.version", "1.8");
        Class.forName("org.eclipse.hudson.war.Executable").getMethod("main", String[].class).invoke(null, (Object) args);
    }
}
JAVA
"$java/bin/javac" Launcher.java
# Without this class Hudson announces itself on all addresses of the machine. Hudson starts and stops the thread; it has no other callers.
mkdir -p shadow/hudson WEB-INF/classes
cat >shadow/hudson/UDPBroadcastThread.java <<'JAVA'
package hudson;

/** Takes the place of the thread that opens a UDP port on all addresses. */
public class UDPBroadcastThread extends Thread {
    public static final int PORT = -1;

    public UDPBroadcastThread(hudson.model.Hudson hudson) { }

    public void shutdown() { }
}
JAVA
python3 - <<'PYTHON'
import zipfile
with zipfile.ZipFile("hudson.war") as war:
    for name in war.namelist():
        if name.startswith("WEB-INF/lib/hudson-core"):
            open("core.jar", "wb").write(war.read(name))
PYTHON
"$java/bin/javac" -proc:none -implicit:none -cp core.jar -d WEB-INF/classes shadow/hudson/UDPBroadcastThread.java
"$java/bin/jar" uf hudson.war WEB-INF/classes/hudson/UDPBroadcastThread.class
rm -r shadow WEB-INF core.jar
ln -s "$java" java
