import Foundation
import SharedModel
import Testing

extension EndToEnd {
    /// What is in deploy/.
    @Suite struct DeployTests {
        private static let deploy = EndToEnd.root.appending(path: "deploy").path

        private static func has(_ program: String) -> Bool {
            ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].contains {
                FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
            }
        }

        @Test(
            "the units are what systemd understands, and leave their services few rights",
            .enabled("judging units needs systemd-analyze") { has("systemd-analyze") }, .timeLimit(.minutes(1)))
        func units() async throws {
            try await Sandbox.with { sandbox in
                // Instances are verified by their own names, and the program need not be installed for that.
                try await sandbox.shell(
                    """
                    cp \(Self.deploy)/systemd/tmdne-worker.service .
                    cp \(Self.deploy)/systemd/tmdne-coordinator@.service tmdne-coordinator@sweep.service
                    sed -i s:/usr/bin/tmdne:/bin/true: *.service
                    for unit in *.service; do
                        test -z "$(systemd-analyze verify --man=no ./$unit 2>&1)"
                        systemd-analyze security --offline=yes --no-pager --threshold=15 ./$unit >/dev/null
                    done
                    """)
                for name in ["tmdne-worker.service", "tmdne-coordinator@.service"] {
                    let unit = try String(contentsOfFile: "\(Self.deploy)/systemd/\(name)", encoding: .utf8)
                    for line in ["NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "MemoryMax="] {
                        #expect(unit.contains("\n\(line)"), "\(name) misses \(line)")
                    }
                }
            }
        }

        @Test(
            "the package installs on a root that has never seen tmdne, renders there, and leaves nothing behind",
            .enabled("making a package needs dpkg-deb") { has("dpkg-deb") && has("objdump") },
            .enabled("a root of one's own needs root and overlayfs") { await canOverlay() }, .timeLimit(.minutes(2)))
        func package() async throws {
            try await Sandbox.with { sandbox in
                let binary = try Launched.program()
                let package = try await sandbox.shell("TMDNE_BINARY=\(binary) \(Self.deploy)/make-deb . 2>/dev/null")
                    .trimmingCharacters(in: .newlines)
                let dependencies = try await sandbox.shell("dpkg-deb --field \(package) Depends")
                for name in ["libdnnl2", "libpng16-16", "libsqlite3-0", "libc6"] {
                    #expect(dependencies.contains(name))
                }
                // Where the Swift toolchain is, there is nothing in that root.
                let swift = try await sandbox.shell("dirname $(dirname $(realpath $(command -v swift)))")
                    .trimmingCharacters(in: .newlines)
                try sandbox.write(
                    "inside",
                    """
                    mount -t tmpfs none \(swift)
                    dpkg --install /root/tmdne.deb
                    stat --format=%a:%U /var/lib/tmdne
                    test -f /lib/systemd/system/tmdne-worker.service
                    test -z "$(find $(dpkg --listfiles tmdne) -maxdepth 0 ! -type l -perm /022 -o -maxdepth 0 -perm /6000)"
                    env -i PATH=/usr/bin:/bin HOME=/var/lib/tmdne OMP_NUM_THREADS=1 \
                        setpriv --reuid=tmdne --regid=tmdne --clear-groups tmdne doctor
                    dpkg --purge tmdne
                    test ! -e /usr/bin/tmdne -a ! -e /usr/lib/tmdne
                    """)
                let said = try await sandbox.shell(
                    Self.overlay
                        + """
                        cp ../inside root/root; cp \(package) root/root/tmdne.deb
                        mount -t proc none root/proc; mount --rbind /dev root/dev
                        chroot root sh -e /root/inside'
                        """)
                #expect(said.contains("700:tmdne"), "\(said)")
                #expect(said.contains("ok      rendering") && !said.contains("MISSING"), "\(said)")
            }
        }

        /// This machine's root with a layer above it that takes all changes, as `root` in a memory of its own.
        private static let overlay = """
            unshare -m --propagation private sh -ec '
                mkdir layer; mount -t tmpfs none layer; cd layer; mkdir upper work root
                mount -t overlay none -o lowerdir=/,upperdir=upper,workdir=work root

            """

        private static func canOverlay() async -> Bool {
            guard geteuid() == 0 else { return false }
            var said = ""
            try? await Sandbox.with { said = try await $0.shell("{ \(overlay)' && echo yes; } || echo no") }
            return said.hasSuffix("yes\n")
        }

        @Test("a folder to install to gets the program and its model", .timeLimit(.minutes(1)))
        func install() async throws {
            try await Sandbox.with { sandbox in
                let binary = try Launched.program()
                let prefix = sandbox.file("local")
                for _ in 1...2 {
                    let said = try await sandbox.shell(
                        "TMDNE_BINARY=\(binary) \(Self.deploy)/install.sh --prefix \(prefix)")
                    #expect(said.contains("Installed \(prefix)/bin/tmdne"))
                }
                let said = try await sandbox.shell("env -u TMDNE_MODELS OMP_NUM_THREADS=1 local/bin/tmdne doctor")
                #expect(said.contains("tmdne-tiny at \(prefix)/lib/tmdne/share"), "\(said)")
            }
        }

        @Test("workers are attached to hosts over ssh, and no command line holds the token", .timeLimit(.minutes(3)))
        func attach() async throws {
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", SmallSweep().text)
                // Stands for ssh: keeps what it was called with, and runs the command here as a host would.
                try sandbox.write(
                    "bin/ssh",
                    """
                    #!/bin/bash
                    printf '%s\\n' "$@" >>\(sandbox.path)/ssh.log
                    # Another host would not inherit them either.
                    for descriptor in /proc/$$/fd/*; do
                        descriptor=${descriptor##*/}
                        # The shell reads this script from 255.
                        ((descriptor < 3 || descriptor == 255)) || eval "exec $descriptor>&-"
                    done
                    while [[ $1 == -* ]]; do case $1 in -o) shift 2 ;; *) shift ;; esac; done
                    host=$1; shift
                    [[ $host != gone ]] || { echo "no route to host" >&2; exit 255; }
                    cd \(sandbox.path); HOME=\(sandbox.path)/$host exec sh -c "$*"
                    """)
                let (coordinator, token) = try await sandbox.coordinator("sweep.yaml", 0, "--output", "out", "--stay")
                let program = try Launched.program()
                let environment = "env -u XDG_CACHE_HOME -u TMDNE_JOIN PATH=$PWD/bin:$PATH OMP_NUM_THREADS=1"
                let said = try await sandbox.shell(
                    """
                    chmod +x bin/ssh
                    echo 'tmdne worker \(token)' | \(environment) \(Self.deploy)/attach.sh --program \(program) ada emmy
                    """)
                #expect(said.contains("ada: 1 started") && said.contains("emmy: 1 started"), "\(said)")
                try await eventually("both have joined and all is done") {
                    let logs = ["ada", "emmy"].map { sandbox.file("\($0)/.cache/tmdne/worker.log") }
                    let haveJoined = logs.allSatisfy {
                        (try? String(contentsOfFile: $0, encoding: .utf8))?.contains("Joined") == true
                    }
                    return try haveJoined && SweepAudit(sandbox, "out").done.count == 10 ? () : nil
                }
                try await sandbox.succeed("drain", "out")
                #expect(try await coordinator.end() == 0)
                try await SweepAudit(sandbox, "out").expectWhole(cells: 10)
                let calls = try String(contentsOfFile: sandbox.file("ssh.log"), encoding: .utf8)
                #expect(!calls.contains("tmdne1_"))
                for (input, host, problem) in [
                    (token, "gone", "gone: FAILED: no route to host"),
                    ("nonsense", "ada", "the join token has to come"),
                ] {
                    let failed = try await sandbox.shell(
                        "echo \(input) | \(environment) \(Self.deploy)/attach.sh \(host) || echo \"code $?\"")
                    #expect(failed.contains(problem) && failed.contains("code "), "\(failed)")
                }
            }
        }
    }
}
