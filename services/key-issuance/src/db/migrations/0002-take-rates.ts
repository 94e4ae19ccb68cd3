// One batch of calls against its counters, in one round trip: rows are locked in the order given (the same on every replica, so that two
// batches never wait for each other in a ring), then the calls are taken one by one, each either counted in all of its windows or in none.

/**
 * `subjects` are distinct and sorted, with their limits (null: none) at the same place. Call r belongs to the subjects at `firsts[r]` and
 * `seconds[r]` (0: none) and takes `amounts[r]` tokens. A verdict is 0, or 4 × subject + 1 (requests per minute), 2 (tokens per minute) or 3
 * (tokens per day) for the window without room. Both windows of a call are of one minute, the newest of its rows and of the caller's clock: an older
 * window begins anew, and a replica whose clock is behind counts in the newer one. `counted` names the minute of each call, where what it
 * reserved is put right. Minutes and days are those since 1970, UTC. A call that takes no tokens still needs a window that is not full.
 */
export const takeRates = `create function take_rates(
    subjects text[], request_limits bigint[], token_limits bigint[], day_limits bigint[],
    firsts integer[], seconds integer[], amounts bigint[], this_minute bigint, this_day bigint,
    out verdicts integer[], out minutes bigint[], out requests bigint[], out tokens bigint[],
    out days bigint[], out day_tokens bigint[], out counted bigint[]
  ) language plpgsql as $$
  declare
    changed boolean[];
    s integer;
    place integer;
    blocked integer;
    needed bigint;
    call_minute bigint;
    call_day bigint;
  begin
    insert into rate_window as w (subject, minute, requests, tokens, day, day_tokens)
      select u.subject, this_minute, 0, 0, this_day, 0
      from unnest(subjects) with ordinality as u (subject, i)
      where not exists (select 1 from rate_window o where o.subject = u.subject)
      order by u.i
      on conflict do nothing;
    select array_agg(l.minute order by l.i), array_agg(l.requests order by l.i), array_agg(l.tokens order by l.i),
        array_agg(l.day order by l.i), array_agg(l.day_tokens order by l.i), array_agg(false)
      into minutes, requests, tokens, days, day_tokens, changed
      from (
        select u.i, w.minute, w.requests, w.tokens, w.day, w.day_tokens
        from unnest(subjects) with ordinality as u (subject, i) join rate_window w on w.subject = u.subject
        order by u.i for update of w
      ) l;
    -- An old row was swept away in between: ask again.
    if coalesce(cardinality(minutes), 0) <> cardinality(subjects) then
      raise exception 'rate windows changed' using errcode = 'serialization_failure';
    end if;
    verdicts := array_fill(0, array[cardinality(amounts)]);
    counted := array_fill(this_minute, array[cardinality(amounts)]);
    for r in 1 .. cardinality(amounts) loop
      call_minute := this_minute;
      for place in 1 .. 2 loop
        s := case place when 1 then firsts[r] else seconds[r] end;
        if s > 0 and minutes[s] > call_minute then
          call_minute := minutes[s];
        end if;
      end loop;
      counted[r] := call_minute;
      call_day := call_minute / 1440;
      for place in 1 .. 2 loop
        s := case place when 1 then firsts[r] else seconds[r] end;
        continue when s = 0;
        if minutes[s] < call_minute then
          minutes[s] := call_minute; requests[s] := 0; tokens[s] := 0;
        end if;
        if days[s] < call_day then
          days[s] := call_day; day_tokens[s] := 0;
        end if;
      end loop;
      blocked := 0;
      needed := greatest(amounts[r], 1);
      for place in 1 .. 2 loop
        s := case place when 1 then firsts[r] else seconds[r] end;
        if s = 0 then
          continue;
        elsif requests[s] + 1 > request_limits[s] then
          blocked := 4 * s + 1;
        elsif tokens[s] + needed > token_limits[s] then
          blocked := 4 * s + 2;
        elsif day_tokens[s] + needed > day_limits[s] then
          blocked := 4 * s + 3;
        end if;
        exit when blocked > 0;
      end loop;
      verdicts[r] := blocked;
      continue when blocked > 0;
      for place in 1 .. 2 loop
        s := case place when 1 then firsts[r] else seconds[r] end;
        continue when s = 0;
        requests[s] := requests[s] + 1;
        tokens[s] := tokens[s] + amounts[r];
        day_tokens[s] := day_tokens[s] + amounts[r];
        changed[s] := true;
      end loop;
    end loop;
    update rate_window w
      set minute = n.minute, requests = n.requests, tokens = n.tokens, day = n.day, day_tokens = n.day_tokens
      from unnest(subjects, minutes, take_rates.requests, take_rates.tokens, days, take_rates.day_tokens, changed)
        as n (subject, minute, requests, tokens, day, day_tokens, changed)
      where w.subject = n.subject and n.changed;
  end
  $$`;
