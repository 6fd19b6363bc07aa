import Foundation
import Testing

extension TemporaryFolder {
    /// Copies the JSON file `source` to `name`, with each of `edits` made: a key gets a value, or is removed by nil.
    @discardableResult
    func copyJSON(_ source: String, to name: String, edits: [String: String?] = [:]) throws -> String {
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: source)))
        var object = try #require(json as? [String: Any])
        for (key, value) in edits {
            object[key] = try value.map {
                try JSONSerialization.jsonObject(with: Data($0.utf8), options: .fragmentsAllowed)
            }
        }
        return try write(JSONSerialization.data(withJSONObject: object), to: name)
    }
}
