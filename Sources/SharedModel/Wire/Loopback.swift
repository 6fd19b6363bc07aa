/// Addresses that lead nowhere but to the host itself.
package enum Loopback {
    /// Whether `host` can only be this machine: `localhost`, `::1`, or an address in 127.0.0.0/8.
    ///
    /// A name that merely begins like such an address (`127.example.org`) is none.
    package static func contains(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return numbers.count == 4 && numbers[0] == 127 && numbers.allSatisfy { $0 != nil }
    }
}
