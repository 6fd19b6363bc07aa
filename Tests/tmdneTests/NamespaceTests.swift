import Coordinator
import Foundation
import SharedModel
import TestSupport
import Testing

extension EndToEnd {
    /// A coordinator and three workers on four hosts, each a network namespace, with a switch between them.
    @Suite struct NamespaceTests {
        @Test(
            "hosts that the network cuts off for a while lose and double nothing",
            .enabled("hosts of their own need root and ip netns") { FourHosts.canBeMade },
            .timeLimit(.minutes(Soak.size(2, soak: 30))))
        func partitions() async throws {
            // Shorter than any deadline; in a soak also longer than all of them, so that leases are lost to others.
            for cut in Soak.cases([5], soak: [5, 20, 60, 120]) {
                try await Self.partition(.bothWays, for: .seconds(cut))
            }
        }

        @Test(
            "a host that hears nothing, or is not heard, loses and doubles nothing",
            .enabled("hosts of their own need root and ip netns") { FourHosts.canBeMade && Soak.isOn },
            .timeLimit(.minutes(30)), arguments: [Silence.mute, .deaf], [20, 120])
        private func oneWayPartitions(_ silence: Silence, seconds: Int) async throws {
            try await Self.partition(silence, for: .seconds(seconds))
        }

        private static func partition(_ silence: Silence, for cut: Duration) async throws {
            let seed = Soak.seed(of: "a partition of \(cut), \(silence)")
            var generator = SplitMix(state: seed)
            // Long enough for most of a cut, and for what comes after it.
            let guidances = Soak.size(30, soak: 40 + 3 * Int(cut / .seconds(1)))
            let sweep = SmallSweep(prompts: (0..<8).map { "p\($0)" }, guidances: guidances, steps: 12)
            try await Sandbox.with { sandbox in
                try sandbox.write("sweep.yaml", sweep.text)
                let hosts = try await FourHosts(in: sandbox)
                defer { hosts.remove() }
                let (coordinator, token) = try await sandbox.coordinator(
                    "sweep.yaml", at: "\(hosts.address(0)):7707", ["--output", "out"], behind: hosts.on(0))
                let workers = try (1...3).map { number in
                    try sandbox.start(
                        ["worker", token, "--name", "host-\(number)", "--cache", "cache-\(number)", "--verbose"],
                        behind: hosts.on(number))
                }
                try await eventually("every host has delivered") {
                    workers.allSatisfy { $0.acknowledged.count > 1 } ? () : nil
                }
                let victim = Int.random(in: 1...3, using: &generator)
                try await hosts.cut(victim, silence)
                let before = workers[victim - 1].acknowledged.count
                // The others go on meanwhile.
                try await Task.sleep(for: cut)
                let during = workers[victim - 1].acknowledged.count
                #expect(during - before <= 1, "nothing is acknowledged over a cut line")
                if cut > .seconds(45), coordinator.isRunning {
                    let lost = try SweepAudit(sandbox, "out").expiredLeases(of: "host-\(victim)")
                    #expect(lost > 0, "after 30 s of silence its cells are others'")
                }
                let isOver = !coordinator.isRunning
                try await hosts.join(victim, silence)
                #expect(try await coordinator.end(within: .seconds(200)) == 0, "\(coordinator.complaints)")
                // Nobody is left to tell it that all is done; it would wait for a coordinator for ever.
                if isOver { workers[victim - 1].signal(SIGTERM) }
                // Who comes back when all is over tries for a minute to deliver what it finished.
                for worker in workers {
                    #expect(try await worker.end(within: .seconds(120)) == 0, "\(worker.complaints)")
                }
                let audit = try SweepAudit(sandbox, "out")
                try await audit.expectWhole(sweep)
                #expect(Set(audit.rows.compactMap(\.worker)) == ["host-1", "host-2", "host-3"])
            }
            Soak.record(
                "a host of four cut off for \(cut), \(silence)", injectedBy: silence.means, runs: 1, seed: seed, "whole"
            )
        }
    }
}

/// What a line that is cut lets through.
private enum Silence: String, CustomStringConvertible, Sendable {
    case bothWays = "both ways"
    /// It is not heard by the coordinator's host.
    case mute
    /// It hears nothing from there.
    case deaf

    var description: String { rawValue }
    var means: String { self == .bothWays ? "bridge-port state" : "blackhole route" }
}

/// Four network namespaces on a bridge in a fifth, so that nothing of this host's own network is touched.
private struct FourHosts {
    private let sandbox: Sandbox
    private let prefix: String

    static var canBeMade: Bool {
        let probe = Process()
        let name = "tmdne-probe-\(ProcessInfo.processInfo.processIdentifier)"
        probe.executableURL = URL(filePath: "/bin/bash")
        probe.arguments = [
            "-c", "bridge -V && ip netns add \(name) && ip netns exec \(name) ip link set lo up; ip netns del \(name)",
        ]
        probe.standardError = FileHandle.nullDevice
        probe.standardOutput = FileHandle.nullDevice
        guard (try? probe.run()) != nil else { return false }
        probe.waitUntilExit()
        return probe.terminationStatus == 0
    }

    init(in sandbox: Sandbox) async throws {
        self.sandbox = sandbox
        prefix = "tm\(UInt16.random(in: 0 ... .max))"
        var script = """
            ip netns add \(prefix)-sw
            ip -n \(prefix)-sw link add br0 type bridge
            ip -n \(prefix)-sw link set br0 up

            """
        for host in 0...3 {
            script += """
                ip netns add \(prefix)-\(host)
                ip link add eth0 netns \(prefix)-\(host) type veth peer name p\(host) netns \(prefix)-sw
                ip -n \(prefix)-sw link set p\(host) master br0 up
                ip -n \(prefix)-\(host) link set lo up
                ip -n \(prefix)-\(host) address add \(address(host))/24 dev eth0
                ip -n \(prefix)-\(host) link set eth0 up

                """
        }
        try await sandbox.shell(script)
    }

    func address(_ host: Int) -> String { "10.77.0.\(host + 1)" }

    /// What a command begins with to run on a host.
    func on(_ host: Int) -> [String] { ["ip", "netns", "exec", "\(prefix)-\(host)"] }

    /// Lets frames of a host vanish in the switch, or packets of one direction where they come from, without a word to anybody.
    func cut(_ host: Int, _ silence: Silence) async throws {
        switch silence {
        case .bothWays: try await sandbox.shell("ip netns exec \(prefix)-sw bridge link set dev p\(host) state 0")
        case .mute: try await sandbox.shell("ip -n \(prefix)-\(host) route add blackhole \(address(0))/32")
        case .deaf: try await sandbox.shell("ip -n \(prefix)-0 route add blackhole \(address(host))/32")
        }
    }

    func join(_ host: Int, _ silence: Silence) async throws {
        switch silence {
        case .bothWays: try await sandbox.shell("ip netns exec \(prefix)-sw bridge link set dev p\(host) state 3")
        case .mute: try await sandbox.shell("ip -n \(prefix)-\(host) route del blackhole \(address(0))/32")
        case .deaf: try await sandbox.shell("ip -n \(prefix)-0 route del blackhole \(address(host))/32")
        }
    }

    func remove() {
        for name in ["0", "1", "2", "3", "sw"] {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["ip", "netns", "del", "\(prefix)-\(name)"]
            // A namespace that can't be removed now goes with the processes in it.
            guard (try? process.run()) != nil else { continue }
            process.waitUntilExit()
        }
    }
}
