#!/usr/bin/env bash
# usage: build.sh IMAGE FILE
# Makes kind's node image without a registry, from Debian packages and Go modules, the way kind's own Dockerfile does it.
# Needs root and the private engine.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../common.sh
. "$(dirname "$0")/../common.sh"
image=$1 file=$2 collect=GOGC=400
"$here/node/programs.sh"
cd "$cache"
making=$cache/making root=$cache/making/root
rm -rf "$making"
mkdir -p "$root"
bin/kube kubeadm config images list --kubernetes-version "$kubernetes_version" >"$making/images"
name() { grep "/$1:" "$making/images"; }

# Debian, and over it kind's own files from its Go module.
debian system.tar systemd,conntrack,iptables,nftables,iproute2,ethtool,mount,kmod,procps,ca-certificates
tar -C "$root" -xf system.tar
cp -r "$(kind_source)/images/base/files/." "$root/"
chmod 755 "$root/usr/local/bin/entrypoint" "$root"/kind/bin/*
(
    cd "$root"
    rm -f etc/systemd/system/*.wants/* lib/systemd/system/{multi-user,local-fs,basic}.target.wants/* \
        lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service lib/systemd/system/sockets.target.wants/*{udev,initctl}*
    echo ReadKMsg=no >>etc/systemd/journald.conf
    ln -sf /usr/lib/systemd/systemd sbin/init
    install -m 755 "$cache"/bin/node/{containerd,ctr,containerd-shim-runc-v2} usr/local/bin/
    mkdir -p opt/cni/bin etc/kubernetes/manifests
    install -m 755 "$cache/bin/node/crun" usr/sbin/crun
    install -m 755 "$cache"/bin/node/{ptp,host-local} opt/cni/bin/
    install -m 755 "$cache/bin/kube" usr/bin/kube
    for program in kubeadm kubelet kubectl; do ln usr/bin/kube usr/bin/$program; done
    printf %s "$kubernetes_version" >kind/version
    sed -i "s#sandbox_image = .*#sandbox_image = \"$(name pause)\"#" etc/containerd/config.toml

    # Not kind's, where a machine has cgroup v1 only: there runc freezes a container while systemd is told its limits, and sometimes
    # cannot ("unable to freeze"), so that one pod of fifty started ten seconds late.
    [ -e /sys/fs/cgroup/cgroup.controllers ] || sed -i 's/SystemdCgroup = true/SystemdCgroup = false/' etc/containerd/config.toml

    # Nor these: crun, which takes a quarter of runc's processor; pods whose OOM score is not below containerd's, which
    # needs CAP_SYS_RESOURCE; and a pod network that containerd fills in, with a loopback that needs no plugin.
    sed -i 's#^\( *\)SystemdCgroup = .*#&\n\1BinaryName = "/usr/sbin/crun"#; s/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' \
        etc/containerd/config.toml
    install -m 644 "$here/node/cni.tmpl" etc/containerd/cni.tmpl
    install -m 644 "$here/node/masquerade.service" etc/systemd/system/masquerade.service
    cat >>etc/containerd/config.toml <<'EOF'
  [plugins."io.containerd.grpc.v1.cri".cni]
    conf_template = "/etc/containerd/cni.tmpl"
    use_internal_loopback = true
EOF

    # One machine is the whole cluster, and pods that start at once compete with what starts them. Whoever is first should be done
    # before the last is made: pods weigh eight times what containerd or the kubelet does, as on a node of eight cores outside kind,
    # whose group around all pods would weigh as much as each of these. (Where a machine has cgroup v2, this is not done.)
    mkdir -p etc/systemd/system.conf.d etc/systemd/system/kubelet.service.d
    printf '[Service]\nExecStartPre=-/bin/sh -c "echo 8192 >/sys/fs/cgroup/cpu/kubelet/cpu.shares"\n' >etc/systemd/system/kubelet.service.d/20-weight.conf
    # Go collects garbage a fourth as often: it was a third of the API server's processor and a quarter of the kubelet's.
    printf '[Manager]\nDefaultEnvironment=%s\n' "$collect" >etc/systemd/system.conf.d/go.conf
)
chroot "$root" systemctl -q enable kubelet containerd undo-mount-hacks masquerade
chroot "$root" systemctl -q mask systemd-binfmt
chroot "$root" ctr oci spec >"$root/etc/containerd/cri-base.json"

# The images that kubeadm asks for: one for all of Kubernetes, CoreDNS, pause.
mkdir -p "$making"/{kube/usr/local/bin,kube/usr/sbin,coredns,pause}
install -m 755 bin/kube "$making/kube/usr/local/bin/kube"
for program in etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
    ln "$making/kube/usr/local/bin/"{kube,$program}
done
# kube-proxy calls these; they come with their libraries.
# shellcheck disable=SC2016 # for the inner shell
chroot "$root" sh -c 'set -- /usr/sbin/xtables-nft-multi /usr/sbin/conntrack /usr/sbin/nft /usr/lib/*/xtables/*.so; ldd "$@"; printf "%s\n" "$@"' 2>/dev/null |
    grep -o '/[^ :]*' | sort -u | sed 's#^/##' | tar -C "$root" -ch -T - | tar -C "$making/kube" -x
for program in iptables ip6tables; do
    for suffix in '' -save -restore; do ln -s xtables-nft-multi "$making/kube/usr/sbin/$program$suffix"; done
done
cp bin/coredns "$making/coredns/"
cp bin/pause "$making/pause/"
# pack FOLDER IMAGE CHANGE ...
pack() {
    local folder=$1 image=$2 changes=()
    shift 2
    for change in "$@"; do changes+=(--change "$change"); done
    tar -C "$folder" --numeric-owner -c . | docker import "${changes[@]}" - "$image" >/dev/null
}
pack "$making/kube" "$(name kube-proxy)" 'ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "ENV $collect"
for component in kube-apiserver kube-controller-manager kube-scheduler etcd; do
    docker tag "$(name kube-proxy)" "$(name $component)"
done
pack "$making/coredns" "$(grep /coredns/coredns: "$making/images")" 'ENTRYPOINT ["/coredns"]'
pack "$making/pause" "$(name pause)" 'ENTRYPOINT ["/pause"]'

# Into the node's own store.
mapfile -t images <"$making/images"
chroot "$root" containerd --root /var/lib/containerd --state /tmp/state --address /tmp/containerd.sock >"$making/containerd.log" 2>&1 &
pid=$!
trap 'kill $pid' EXIT
inner() { chroot "$root" ctr --address /tmp/containerd.sock --namespace k8s.io "$@" >/dev/null; }
for _ in $(seq 50); do
    ! inner version 2>/dev/null || break
    sleep 0.2
done
docker save "${images[@]}" | inner images import --no-unpack --digests -
trap - EXIT
kill $pid
wait $pid || true
docker rmi "${images[@]}" >/dev/null
rm -rf "$root"/tmp/*

pack "$root" "$image-root"
rm -rf "$making"
DOCKER_BUILDKIT=1 docker build --quiet --tag "$image" - >/dev/null <<EOF
FROM $image-root
ENV container=docker
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]
EOF
docker rmi "$image-root" >/dev/null
docker save -o "$file.part" "$image"
mv "$file.part" "$file"
