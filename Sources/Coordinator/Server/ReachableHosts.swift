import NIOCore

/// Under which addresses a program that listens can be reached.
package enum ReachableHosts {
    /// Most addresses of other hosts' ways here; a machine with containers has many that lead nowhere.
    private static let most = 4

    /// `host` itself, or, when it stands for every address of this machine, its IPv4 addresses and then loopback.
    package static func of(_ host: String) -> [String] {
        guard ["0.0.0.0", "::", "*", ""].contains(host) else { return [host] }
        let devices = (try? System.enumerateDevices()) ?? []
        var seen: Set<String> = []
        let addresses = devices.compactMap { device -> String? in
            guard case .v4 = device.address, let address = device.address?.ipAddress, !address.hasPrefix("127."),
                seen.insert(address).inserted
            else { return nil }
            return address
        }
        return addresses.prefix(most) + ["127.0.0.1"]
    }
}
