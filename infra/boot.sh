# Makes an encoder of a stock Debian 12 machine, or of an image that has some of it already. Runs as root, at the end of the user data,
# after the lines that set its variables. A second run does no harm. A machine that cannot be made to work is powered off, which ends
# it, because it would cost money for nothing.
set -Eeuo pipefail
umask 022
imds=${BOOT_IMDS:-http://169.254.169.254}
s3=${BOOT_S3:-https://$BOOT_BUCKET.s3.$AWS_REGION.amazonaws.com}
folder=$(mktemp -d)
say() { echo "nommer boot: $*" >&2; }
give_up() {
  trap - ERR
  say "failed at line $1; powering off"
  systemctl poweroff
  exit 1
}
trap 'give_up $LINENO' ERR
# For a step that hangs.
systemctl stop nommer-boot-limit.timer 2>/dev/null || true
systemd-run --quiet --unit=nommer-boot-limit --on-active=20min systemctl poweroff

try() {
  for _ in 1 2 3 4 5; do
    "$@" && return
    sleep "${BOOT_PAUSE:-5}"
  done
  return 1
}
if ! command -v ffmpeg >/dev/null || ! command -v curl >/dev/null; then
  say "installing ffmpeg"
  export DEBIAN_FRONTEND=noninteractive
  try apt-get -q update
  try apt-get -q install --yes --no-install-recommends ca-certificates curl ffmpeg
fi

# Secrets go through pipes, so that no list of processes shows them.
ask() {
  printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$1" |
    curl --silent --show-error --fail --max-time 5 --config - "$imds/latest/meta-data/iam/security-credentials/$2"
}
field() { sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }
fetch() {
  local token role keys
  token=$(curl --silent --show-error --fail --max-time 5 --request PUT \
    --header 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$imds/latest/api/token") || return 1
  role=$(ask "$token" '') || return 1
  keys=$(ask "$token" "$role") || return 1
  printf 'user = "%s:%s"\nheader = "x-amz-security-token: %s"\n' \
    "$(field AccessKeyId <<<"$keys")" "$(field SecretAccessKey <<<"$keys")" "$(field Token <<<"$keys")" |
    curl --silent --show-error --fail --max-time 300 --config - --aws-sigv4 "aws:amz:$AWS_REGION:s3" \
      --header 'x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' \
      --output "$folder/package" "$s3/$BOOT_PACKAGE_KEY"
}
# The package may be uploaded right after the stack was made.
say "fetching $BOOT_PACKAGE_KEY"
tries=0
until fetch; do
  tries=$((tries + 1))
  test "$tries" -lt "${BOOT_TRIES:-60}"
  sleep "${BOOT_PAUSE:-10}"
done
[[ $BOOT_PACKAGE_SHA256 =~ ^[0-9a-f]{64}$ ]]
sha256sum --check --quiet - <<<"$BOOT_PACKAGE_SHA256  $folder/package"
tar --extract --gzip --no-same-owner --file "$folder/package" --directory "$folder"
install -D -m 0755 "$folder/nommer-encoder" /usr/local/bin/nommer-encoder
install -D -m 0644 "$folder/nommer-encoder.service" /etc/systemd/system/nommer-encoder.service
mkdir -p /etc/nommer
env | grep -E '^(NOMMER_[A-Z0-9_]+|AWS_REGION|AWS_ENDPOINT_URL)=' >/etc/nommer/encoder.env
rm -rf "$folder"
systemctl daemon-reload
systemctl enable --now nommer-encoder.service
systemctl stop nommer-boot-limit.timer
say "the encoder runs"
