//! The typed views: a message that the field checks take is read without an error, field by field, and
//! one that they do not take never makes a view panic. An order that is read is written again and read
//! to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut_codec::encode::{Encoder, Header, HeaderOrder};
use taut_codec::kraken;
use taut_codec::message::Message;
use taut_codec::messages::*;
use taut_codec::rules::Options;
use taut_codec::scan::{Field, Scanner};
use taut_codec::value::UtcTime;

/// Reads every field of a message; whether all of them could be read.
macro_rules! reads {
    ($message:expr, $module:ident: $($field:ident)* $(, $group:ident: $($inner:ident)*)*) => {{
        let view = $module::View::new($message);
        let mut good = true;
        $(good &= view.$field().is_ok();)*
        $(match view.$group() {
            Ok(entries) => for entry in entries {
                $(good &= entry.$inner().is_ok();)*
            },
            Err(_) => good = false,
        })*
        good
    }};
}

fn all_read(message: Message<'_>) -> bool {
    match message.msg_type() {
        b"D" => reads!(message, new_order_single: account cl_ord_id exec_inst order_qty ord_type price side
            symbol time_in_force transact_time valid_until_time stop_px expire_time effective_time
            discretion_inst display_qty leverage self_trade_prevention, allocs: alloc_account),
        b"F" => reads!(message, order_cancel_request: cl_ord_id order_id orig_cl_ord_id side symbol
            transact_time),
        b"G" => reads!(message, order_cancel_replace_request: cl_ord_id exec_inst order_id order_qty ord_type
            orig_cl_ord_id price side symbol time_in_force transact_time valid_until_time stop_px display_qty),
        b"q" => reads!(message, order_mass_cancel_request: cl_ord_id symbol transact_time
            mass_cancel_request_type),
        b"8" => reads!(message, execution_report: avg_px cl_ord_id cum_qty exec_id last_px last_qty order_id
            order_qty ord_status ord_type orig_cl_ord_id price side symbol text time_in_force transact_time
            stop_px net_money exec_type leaves_qty gross_trade_amt secondary_exec_id trade_id trigger_price
            display_qty liquidity_ind, allocs: alloc_account,
            misc_fees: misc_fee_amt misc_fee_curr misc_fee_type misc_fee_basis),
        b"V" => reads!(message, market_data_request: symbol md_req_id market_depth aggregated_book,
            related_sym: symbol),
        b"W" => reads!(message, market_data_snapshot_full_refresh: symbol md_req_id,
            md_entries: md_entry_type md_entry_id md_entry_px md_entry_size md_entry_time),
        b"X" => reads!(message, market_data_incremental_refresh: symbol md_req_id checksum_order_book,
            md_entries: md_update_action md_entry_type md_entry_id md_entry_px md_entry_size md_entry_time
            ord_type aggressor_side),
        b"y" => reads!(message, instrument_list: text security_req_id security_response_id
            security_request_result last_fragment, related_sym: symbol min_trade_vol qty_precision qty_min
            qty_max minimum_cost price_precision md_price_precision tick_size asset_pair_status),
        b"A" => reads!(message, logon: encrypt_method heart_bt_int client_id reset_seq_num_flag username
            password nonce force_reset_cl_ord_id rebased cancel_orders_on_disconnect raw_data),
        _ => true,
    }
}

/// Writes an order as it was read; whether the same is read again.
fn order_again(message: Message<'_>) -> Option<()> {
    use new_order_single::{Draft, Optional, View};
    let view = View::new(message);
    let draft = Draft {
        cl_ord_id: view.cl_ord_id().ok()?,
        order_qty: view.order_qty().ok()?,
        ord_type: view.ord_type().ok()?,
        side: view.side().ok()?,
        symbol: view.symbol().ok()?,
        time_in_force: view.time_in_force().ok()?,
        transact_time: view.transact_time().ok()?,
        optional: Optional {
            price: view.price().ok()?,
            stop_px: view.stop_px().ok()?,
            exec_inst: view.exec_inst().ok()?,
            ..Optional::default()
        },
    };
    let mut buffer = vec![0; 2 * message.bytes().len() + 512];
    let header = Header {
        msg_type: new_order_single::MSG_TYPE,
        msg_seq_num: 1,
        sender: b"A",
        target: b"B",
        sending_time: UtcTime(0),
        orig_sending_time: None,
        order: HeaderOrder::default(),
    };
    let mut encoder = Encoder::begin(&mut buffer, &header);
    draft.write(&mut encoder);
    // A control byte is read, but never written.
    let range = encoder.finish().ok()?;
    let mut fields = [Field::default(); 64];
    let count = Scanner::new().index(&buffer[range.clone()], &mut fields).expect("well formed");
    let again = View::new(Message::new(&buffer[range], &fields[..count]));
    assert_eq!(again.cl_ord_id(), Ok(draft.cl_ord_id));
    assert_eq!(again.order_qty().map(|qty| qty.normalized()), Ok(draft.order_qty.normalized()));
    assert_eq!(again.ord_type(), Ok(draft.ord_type));
    assert_eq!(again.symbol(), Ok(draft.symbol));
    let px = |price: Option<taut_codec::value::Decimal>| price.map(|px| px.normalized());
    assert_eq!(again.price().map(px), Ok(px(draft.optional.price)));
    assert_eq!(again.exec_inst(), Ok(draft.optional.exec_inst));
    Some(())
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    bytes.extend(format!("10={sum:03}\x01").bytes());
    let mut fields = [Field::default(); 256];
    let Ok(count) = Scanner::new().index(&bytes, &mut fields) else { return };
    let message = Message::new(&bytes, &fields[..count]);
    let read = all_read(message);
    if kraken::check(&message, Options::default()).is_ok() {
        assert!(read, "{}", bytes.escape_ascii());
        if message.msg_type() == new_order_single::MSG_TYPE {
            let _ = order_again(message);
        }
    }
});
