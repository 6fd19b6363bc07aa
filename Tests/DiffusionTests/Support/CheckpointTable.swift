import Foundation

@testable import Diffusion

/// A family's checkpoint as `make_checkpoints.py` wrote it down: true names and shapes, without numbers.
struct CheckpointTable {
    struct Row {
        var original: String
        var shape: [Int]
        /// `unet`, `vae`, `text_encoder` or `text_encoder_2`; empty for what no part of diffusers' folder has.
        var part: String
        /// The tensor's names in its part: three for fused ones.
        var names: [String]
    }

    var rows: [Row]
    /// What the parts' `config.json` say.
    let configs: [String: [String: JSONValue]]

    /// Reads the table of `sd15`, `sd21` or `sdxl`.
    init(_ family: String) throws {
        let path = "\(Golden.folder)/checkpoints/\(family)"
        rows = try String(contentsOfFile: "\(path).tsv", encoding: .utf8).split(separator: "\n").map { line in
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            return Row(
                original: fields[0], shape: fields[1].split(separator: ",").compactMap { Int($0) }, part: fields[2],
                names: fields[3].split(separator: " ").map(String.init))
        }
        configs = try JSONDecoder().decode(
            [String: [String: JSONValue]].self, from: Data(contentsOf: URL(filePath: "\(path).json")))
    }

    func config(_ part: String) throws -> ConfigFile {
        ConfigFile(path: part, values: configs[part] ?? [:])
    }

    /// Writes a checkpoint of the rows' tensors into `folder`; all numbers are zeros that take no room on the disk, but for
    /// those of `values`.
    func write(
        to folder: TemporaryFolder, type: TensorType = .float16, values: [String: [Float16]] = [:]
    ) throws -> String {
        var entries: [String] = []
        var end = 0
        var starts: [String: Int] = [:]
        for row in rows {
            let start = end
            starts[row.original] = start
            end += row.shape.reduce(type.width, *)
            entries.append(
                #""\#(row.original)":{"dtype":"\#(type.rawValue)","shape":\#(row.shape),"data_offsets":[\#(start),\#(end)]}"#
            )
        }
        let header = safetensorsBytes(header: "{\(entries.joined(separator: ","))}")
        let path = try folder.write(header, to: "checkpoint.safetensors")
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        try handle.truncate(atOffset: UInt64(header.count + end))
        for (name, values) in values {
            try handle.seek(toOffset: UInt64(header.count + (starts[name] ?? 0)))
            try handle.write(contentsOf: values.withUnsafeBytes { Data($0) })
        }
        try handle.close()
        return path
    }
}
