// hffix does what the others do: see main.rs. Its headers are not here: HFFIX_INCLUDE names their folder (README.md).
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <hffix.hpp>

namespace {

constexpr int MSG_SEQ_NUM = 34, SENDING_TIME = 52;

// The sum that stands in CheckSum(10) is that of the bytes before it.
bool is_sum_right(hffix::message_reader const &reader) {
    std::uint8_t sum = 0;
    auto const end = reader.message_end() - 7;
    for (auto byte = reader.message_begin(); byte < end; ++byte)
        sum += static_cast<std::uint8_t>(*byte);
    return reader.check_sum()->value().as_int<unsigned>() == sum;
}

std::uint64_t time_of(hffix::field_value const &value) {
    int year, month, day, hour, minute, second, millisecond;
    if (!value.as_timestamp(year, month, day, hour, minute, second, millisecond)) return 0;
    // What it says, in parts: no count of nanoseconds is made of it.
    return ((((year * 12ull + month) * 31 + day) * 24 + hour) * 60 + minute) * 60'000 + second * 1000 + millisecond;
}

std::uint64_t mantissa_of(hffix::field_value const &value) {
    std::int64_t mantissa, exponent;
    value.as_decimal(mantissa, exponent);
    return static_cast<std::uint64_t>(mantissa);
}

} // namespace

// Visits all fields of a message; false if it is not whole, or its BodyLength or CheckSum is wrong. `visited` gets
// something of each field.
extern "C" bool taut_hffix_index(char const *bytes, std::size_t len, std::uint64_t *visited) {
    hffix::message_reader const reader(bytes, len);
    if (!reader.is_complete() || !reader.is_valid() || !is_sum_right(reader)) return false;
    std::uint64_t all = 0;
    for (auto field = reader.begin(); field != reader.end(); ++field)
        all += field->tag() + field->value().size();
    *visited = all;
    return true;
}

// The same, and reads five values on the way, each where it stands first: MsgSeqNum, SendingTime, an integer and two
// decimals, in the order in which they come.
extern "C" bool taut_hffix_five(char const *bytes, std::size_t len, std::uint32_t const *tags, std::uint64_t *values) {
    hffix::message_reader const reader(bytes, len);
    if (!reader.is_complete() || !reader.is_valid() || !is_sum_right(reader)) return false;
    int const wanted[5] = {MSG_SEQ_NUM, SENDING_TIME, int(tags[0]), int(tags[1]), int(tags[2])};
    int found = 0, next = wanted[0];
    for (auto field = reader.begin(); field != reader.end(); ++field) {
        if (field->tag() != next) continue;
        switch (found) {
        case 1: values[found] = time_of(field->value()); break;
        case 3:
        case 4: values[found] = mantissa_of(field->value()); break;
        default: values[found] = field->value().as_int<std::uint64_t>();
        }
        next = ++found < 5 ? wanted[found] : 0;
    }
    return found == 5;
}

struct Order {
    std::uint64_t msg_seq_num, cl_ord_id;
    std::int64_t quantity, quantity_exponent, price, price_exponent;
    char const *time; // 21 bytes
    char side;
};

// Writes an order; returns its length.
extern "C" std::size_t taut_hffix_order(Order const *order, char *buffer, std::size_t room) {
    hffix::message_writer writer(buffer, room);
    writer.push_back_header("FIX.4.4");
    writer.push_back_string(35, "D");
    writer.push_back_int(34, order->msg_seq_num);
    writer.push_back_string(49, "CLIENT");
    writer.push_back_string(52, order->time, order->time + 21);
    writer.push_back_string(56, "KRAKEN-TRD");
    writer.push_back_int(11, order->cl_ord_id);
    writer.push_back_char(18, 'P');
    writer.push_back_decimal(38, order->quantity, order->quantity_exponent);
    writer.push_back_char(40, '2');
    writer.push_back_decimal(44, order->price, order->price_exponent);
    writer.push_back_char(54, order->side);
    writer.push_back_string(55, "BTC/USD");
    writer.push_back_char(59, '1');
    writer.push_back_string(60, order->time, order->time + 21);
    writer.push_back_trailer();
    return writer.message_size();
}
