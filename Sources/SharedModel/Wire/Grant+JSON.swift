extension Grant {
    /// Written by hand, since of all payloads a grant is by far the longest.
    func json() -> [UInt8] {
        var json = Array(#"{"cells":["#.utf8)
        for (index, granted) in cells.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            json += granted.json()
        }
        json += #"],"lease":"\#(lease.hex)","model":"#.utf8
        json.appendJSONString(model)
        if let preview {
            json += #","preview":{"fingerprint":"\#(preview.fingerprint)","name":"#.utf8
            json.appendJSONString(preview.name)
            json.append(UInt8(ascii: "}"))
        }
        json += #","shard":\#(shard)}"#.utf8
        return json
    }
}

extension GrantedCell {
    fileprivate func json() -> [UInt8] {
        var json = Array(#"{"cell":"#.utf8) + cell.canonicalJSON
        if !files.isEmpty {
            json += #","files":{"#.utf8
            for (index, (fingerprint, name)) in files.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { json.append(UInt8(ascii: ",")) }
                json.appendJSONString(fingerprint)
                json.append(UInt8(ascii: ":"))
                json.appendJSONString(name)
            }
            json.append(UInt8(ascii: "}"))
        }
        json += #","key":"\#(key.hex)","position":\#(position),"rawNegativePrompt":"#.utf8
        json.appendJSONString(rawNegativePrompt)
        json += #","rawPrompt":"#.utf8
        json.appendJSONString(rawPrompt)
        json += #","style":"#.utf8
        json.appendJSONString(style)
        json.append(UInt8(ascii: "}"))
        return json
    }
}
