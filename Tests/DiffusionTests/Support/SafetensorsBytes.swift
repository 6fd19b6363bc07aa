/// The bytes of a safetensors file with any header, sound or not.
func safetensorsBytes(header: String, data: [UInt8] = [], claimedLength: UInt64? = nil) -> [UInt8] {
    let header = Array(header.utf8)
    let length = claimedLength ?? UInt64(header.count)
    return withUnsafeBytes(of: length.littleEndian) { Array($0) } + header + data
}

/// The bytes of a sound safetensors file with float tensors.
func safetensorsBytes(_ tensors: [(name: String, shape: [Int], values: [Float])]) -> [UInt8] {
    var entries: [String] = []
    var data: [UInt8] = []
    for tensor in tensors {
        let start = data.count
        for value in tensor.values {
            withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
        }
        entries.append(
            #""\#(tensor.name)": {"dtype": "F32", "shape": \#(tensor.shape), "data_offsets": [\#(start), \#(data.count)]}"#
        )
    }
    return safetensorsBytes(header: "{\(entries.joined(separator: ", "))}", data: data)
}
