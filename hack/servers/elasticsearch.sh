# Elasticsearch 6.8.23, the real distribution, from Maven Central. It needs Java 17 or older (not 25) to run; the tests give
# it the one that stands in ./java, a link.
command -v mvn >/dev/null && java17=$(ls -d /usr/lib/jvm/java-17-openjdk-* 2>/dev/null | head -n 1) && [[ -n $java17 ]] || {
	[[ $(id -u) == 0 ]] || { echo "install maven and openjdk-17-jre-headless" >&2; exit 1; }
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends maven openjdk-17-jre-headless unzip
	java17=$(ls -d /usr/lib/jvm/java-17-openjdk-* | head -n 1)
}
mvn -q -B dependency:copy -Dartifact=org.elasticsearch.distribution.zip:elasticsearch:6.8.23:zip -DoutputDirectory=. -Dmdep.useBaseVersion=true
python3 -m zipfile -e elasticsearch-6.8.23.zip . 2>/dev/null || unzip -q elasticsearch-6.8.23.zip
rm elasticsearch-6.8.23.zip
mv elasticsearch-6.8.23/* .
rm -r elasticsearch-6.8.23
# The machine learning module is native code that the tests do not use.
rm -rf modules/x-pack-ml/platform
chmod 755 bin/*
# No logs of the garbage collector, no dumps: they would be written here. Nor touch all memory at start.
sed -i -e '/gc\.log/d' -e '/^8:/d' -e '/ErrorFile/d' -e '/HeapDump/d' -e '/AlwaysPreTouch/d' config/jvm.options
chmod -R a+rX .
ln -s "$java17" java
