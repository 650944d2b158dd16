# Only for make test-full.
# Keycloak 26.4 from Maven Central: the OpenID Connect provider of the tests. It runs on Java 17; the tests give it the one in ./java, a link.
java17() { ls -d /usr/lib/jvm/java-17-openjdk-* 2>/dev/null | head -n 1; }
if ! command -v mvn >/dev/null || [[ ! -x $(java17)/bin/java ]]; then
	[[ $(id -u) == 0 ]] || { echo "install maven and openjdk-17-jdk-headless" >&2; exit 1; }
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends maven openjdk-17-jdk-headless
fi
version=26.4.0
mvn -q -B dependency:copy -Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip -DoutputDirectory=. -Dmdep.useBaseVersion=true
python3 -m zipfile -e keycloak-quarkus-dist-$version.zip .
rm keycloak-quarkus-dist-$version.zip
mv keycloak-$version home
chmod +x home/bin/*.sh
ln -s "$(java17)" java
JAVA_HOME=$PWD/java home/bin/kc.sh --version
