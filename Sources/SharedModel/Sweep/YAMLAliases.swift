import Foundation

/// Estimates, before anything is parsed, how much text the aliases of a YAML file could stand for.
///
/// The parser keeps an alias as a reference, but it hashes the keys of every mapping, and a key that is a list of
/// aliases of lists of aliases … ("billion laughs") then takes for ever. The estimate looks at characters alone, so
/// names inside comments and quotes count as well: it may be too high, and is never too low.
struct YAMLAliases {
    private let bytes: Int
    private var definitions: [ArraySlice<UInt8>: Int] = [:]
    private var uses: [ArraySlice<UInt8>: Int] = [:]

    init(in text: [UInt8]) {
        bytes = text.count
        var index = text.startIndex
        while index < text.endIndex {
            let sign = text[index]
            index += 1
            guard sign == UInt8(ascii: "&") || sign == UInt8(ascii: "*") else { continue }
            let name = text[index...].prefix(while: Self.isPartOfName)
            guard !name.isEmpty else { continue }
            if sign == UInt8(ascii: "&") { definitions[name, default: 0] += 1 } else { uses[name, default: 0] += 1 }
            index = name.endIndex
        }
    }

    /// Whether the file, all aliases written out, has at most 64 MiB.
    ///
    /// A name that is defined d times and used u times multiplies the text by at most (1 + u/d)^d: the uses are spread
    /// over the definitions, and each definition may hold the uses of the one before.
    var expansionIsBounded: Bool {
        let doublings = definitions.reduce(0.0) { sum, entry in
            let definitions = Double(entry.value)
            return sum + definitions * log2(1 + Double(uses[entry.key] ?? 0) / definitions)
        }
        return log2(Double(max(bytes, 1))) + doublings <= 26
    }

    /// The characters that libyaml takes into the name of an anchor.
    private static func isPartOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
