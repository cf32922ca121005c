"""The data format: headers, UIDs, character sets, transcoding. The only door to pydicom."""
