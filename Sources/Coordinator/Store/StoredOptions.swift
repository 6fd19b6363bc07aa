import Foundation
import SharedModel

/// Options and the names of their files as the database keeps them: JSON, `{}` for nothing.
enum StoredOptions {
    private static let nothing = "{}"

    static func text(of options: RenderOptions) -> String {
        String(decoding: options.canonicalJSON, as: UTF8.self)
    }

    static func text(ofFiles files: [String: String]) throws -> String {
        guard !files.isEmpty else { return nothing }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(files), as: UTF8.self)
    }

    /// - Returns: `nil` for a text that no plan wrote.
    static func options(_ text: String) -> RenderOptions? {
        text == nothing ? RenderOptions() : try? JSONDecoder().decode(RenderOptions.self, from: Data(text.utf8))
    }

    /// - Returns: `nil` for a text that no plan wrote.
    static func files(_ text: String) -> [String: String]? {
        text == nothing ? [:] : try? JSONDecoder().decode([String: String].self, from: Data(text.utf8))
    }
}
