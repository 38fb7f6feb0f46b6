//! Which currency codes the sandbox takes for a known currency.
//!
//! In: the text of `custom_data.currency`. Out: yes or no, in either case of letters. Deliberately
//! absent: minor units, names, symbols; nothing here converts money. Source: ISO 4217 list one, and
//! the codes it withdrew lately that senders still use (BGN, CUC, HRK, SLL, VES, ZWL). Left out:
//! `XTS` and `XXX`, which stand for no currency, and `MRU`, which Meta was seen to refuse although
//! ISO knows it (meta-capi.md 1.8, 2804011). Meta's own list is not published.

/// Alphabetic codes in ascending order, four bytes each: three letters and a space.
const CODES: &[u8] = b"\
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN \
BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR \
FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY \
KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MUR MVR \
MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF \
SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD \
TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG \
XDR XOF XPD XPF XPT XSU XUA YER ZAR ZMW ZWG ZWL ";

/// Whether `code` is a currency the sandbox knows, in capitals or not.
pub(crate) fn is_known(code: &str) -> bool {
    let &[a, b, c] = code.as_bytes() else { return false };
    let wanted = [a, b, c, b' '].map(|letter| letter.to_ascii_uppercase());
    CODES.as_chunks::<4>().0.binary_search(&wanted).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_in_order() {
        let (codes, rest) = CODES.as_chunks::<4>();
        assert!(rest.is_empty() && codes.is_sorted() && codes.len() == 180, "{}", codes.len());
        assert!(codes.iter().all(|code| code[3] == b' ' && code[..3].is_ascii()));
    }

    #[test]
    fn known_and_unknown_codes() {
        for code in ["INR", "usd", "Eur", "AED", "ZWL", "XOF", "SLL", "XCG"] {
            assert!(is_known(code), "{code}");
        }
        for code in ["", "US", "USDT", "ABC", "MRU", "XXX", "XTS", "US ", "₹", " US", "RS."] {
            assert!(!is_known(code), "{code}");
        }
    }
}
