import Foundation

/// The tokens that mean no text.
struct SpecialTokens: Equatable, Sendable {
    /// Begins every prompt.
    var start = "<|startoftext|>"
    /// Ends every prompt.
    var end = "<|endoftext|>"
    /// Stands for what the vocabulary lacks.
    var unknown = "<|endoftext|>"
    /// Fills a prompt up. No mask hides it from the text encoder, so it has a say in every picture.
    var padding = "<|endoftext|>"
}

extension SpecialTokens {
    /// Reads `tokenizer_config.json` and `special_tokens_map.json`, which wins, as far as they are there.
    init(folder: String) throws(DiffusionError) {
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            let path = "\(folder)/\(name)"
            guard FileManager.default.fileExists(atPath: path) else { continue }
            let file = try JSONFile.decode(File.self, path: path, as: "a list of special tokens")
            start = file.start?.content ?? start
            end = file.end?.content ?? end
            unknown = file.unknown?.content ?? unknown
            padding = file.padding?.content ?? padding
        }
    }

    private struct File: Decodable {
        enum CodingKeys: String, CodingKey {
            case end = "eos_token"
            case padding = "pad_token"
            case start = "bos_token"
            case unknown = "unk_token"
        }

        let end: Token?
        let padding: Token?
        let start: Token?
        let unknown: Token?
    }

    /// A token, written as a string or as an object with its content.
    private struct Token: Decodable {
        enum CodingKeys: CodingKey {
            case content
        }

        let content: String

        init(from decoder: any Decoder) throws {
            if let content = try? decoder.singleValueContainer().decode(String.self) {
                self.content = content
            } else {
                content = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .content)
            }
        }
    }
}
