#!/bin/sh
# Makes deploy/secrets: an authority of our own, certificates for Kafka, MongoDB and the gateway, a password for each
# service, the first admin key, Grafana's password. What is there already stays, so it may run again; needs openssl 3.
#   sh deploy/make-secrets.sh desk.example.go.id [mongo,mongo2,mongo3]
# The files are readable by all, since containers run as users of their own; the folder is readable by its owner alone.
set -eu

host=${1:?usage: make-secrets.sh HOST-OF-THE-GATEWAY [MONGO-HOSTS]}
mongo_hosts=${2:-mongo}
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
cd secrets
umask 022

random() { openssl rand -hex 32; }
missing() { [ ! -s "$1" ]; }
keep() { cat >"$1.new" && mv "$1.new" "$1"; }

missing ca.key && openssl ecparam -name prime256v1 -genkey -noout | keep ca.key && chmod 400 ca.key
missing ca && openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj "/CN=desk-pilkada" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null | keep ca

# NAME, other names it answers to: a key (PKCS 8) and NAME.crt, signed by ours for two years
signed() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null | keep "$1.key"
    printf 'subjectAltName=%s\nbasicConstraints=CA:false\nextendedKeyUsage=serverAuth,clientAuth\n' "$2" >ext
    openssl req -new -key "$1.key" -subj "/CN=$1" |
        openssl x509 -req -CA ca -CAkey ca.key -CAcreateserial -sha256 -days 730 -extfile ext 2>/dev/null | keep "$1.crt"
    rm ext
}
# The same as one file
bundle() {
    signed "$1" "$2"
    cat "$1.key" "$1.crt" | keep "$1"
    rm "$1.key" "$1.crt"
}
missing kafka && bundle kafka "DNS:kafka,DNS:kafka2,DNS:kafka3,DNS:localhost"
missing mongo && bundle mongo "DNS:mongo,DNS:mongo2,DNS:mongo3,DNS:localhost"
missing init && bundle init "DNS:init"
if missing tls-certificate; then
    signed tls "DNS:$host,DNS:gateway,DNS:localhost"
    mv tls.crt tls-certificate
    mv tls.key tls-key
fi

missing mongo-keyfile && openssl rand -base64 756 | keep mongo-keyfile
for user in init intake aggregator notifier operator; do
    missing "mongo-$user" && echo "mongodb://$user:$(random)@$mongo_hosts/?replicaSet=rs0&authSource=admin&tls=true&tlsCAFile=/run/secrets/ca" |
        keep "mongo-$user"
done
for user in intake aggregator notifier operator; do
    missing "kafka-$user" && random | keep "kafka-$user"
done
mkdir -p receivers # yours to fill
missing admin-key && echo "desk_admin_$(random)" | keep admin-key
missing grafana-admin && random | keep grafana-admin
rm -f ca.srl
echo "deploy/secrets is complete. The first admin key stands in deploy/secrets/admin-key,"
echo "the password of Grafana's user admin in deploy/secrets/grafana-admin."
