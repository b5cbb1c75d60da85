-- The log of schema 4, as it was written when that was the newest. Never made again.
PRAGMA page_size = 4096;
PRAGMA application_id = 1095323725;
PRAGMA user_version = 4;
BEGIN TRANSACTION;
CREATE TABLE audit_commits(
  sha TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (sha, position)
) STRICT, WITHOUT ROWID;
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3e8',4);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3e8',7);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3e9',13);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3e9',16);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ea',21);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ea',24);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3eb',30);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3eb',33);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ec',39);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ec',42);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ed',47);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ed',50);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ee',56);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ee',59);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ef',65);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ef',68);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f0',73);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f0',76);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f1',82);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f1',85);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f2',91);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f2',94);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f3',99);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f3',102);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d0',8);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d0',9);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d2',25);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d2',26);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d3',34);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d3',35);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d5',51);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d5',52);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d6',60);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d6',61);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d8',77);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d8',78);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d9',86);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d9',87);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7db',103);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7db',104);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',2);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',3);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',11);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',12);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',19);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',20);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',28);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',29);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',37);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',38);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',45);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',46);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',54);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',55);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',63);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',64);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',71);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',72);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',80);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',81);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',89);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',90);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',97);
INSERT INTO "audit_commits" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',98);
CREATE TABLE audit_index(
  term INTEGER NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (term, position)
) STRICT, WITHOUT ROWID;
INSERT INTO "audit_index" VALUES(1,1);
INSERT INTO "audit_index" VALUES(1,10);
INSERT INTO "audit_index" VALUES(1,18);
INSERT INTO "audit_index" VALUES(1,27);
INSERT INTO "audit_index" VALUES(1,36);
INSERT INTO "audit_index" VALUES(1,44);
INSERT INTO "audit_index" VALUES(1,53);
INSERT INTO "audit_index" VALUES(1,62);
INSERT INTO "audit_index" VALUES(1,70);
INSERT INTO "audit_index" VALUES(1,79);
INSERT INTO "audit_index" VALUES(1,88);
INSERT INTO "audit_index" VALUES(1,96);
INSERT INTO "audit_index" VALUES(2,1);
INSERT INTO "audit_index" VALUES(2,2);
INSERT INTO "audit_index" VALUES(2,3);
INSERT INTO "audit_index" VALUES(2,4);
INSERT INTO "audit_index" VALUES(2,5);
INSERT INTO "audit_index" VALUES(2,6);
INSERT INTO "audit_index" VALUES(2,7);
INSERT INTO "audit_index" VALUES(2,8);
INSERT INTO "audit_index" VALUES(2,9);
INSERT INTO "audit_index" VALUES(2,10);
INSERT INTO "audit_index" VALUES(2,11);
INSERT INTO "audit_index" VALUES(2,12);
INSERT INTO "audit_index" VALUES(2,13);
INSERT INTO "audit_index" VALUES(2,14);
INSERT INTO "audit_index" VALUES(2,15);
INSERT INTO "audit_index" VALUES(2,16);
INSERT INTO "audit_index" VALUES(2,17);
INSERT INTO "audit_index" VALUES(2,18);
INSERT INTO "audit_index" VALUES(2,19);
INSERT INTO "audit_index" VALUES(2,20);
INSERT INTO "audit_index" VALUES(2,21);
INSERT INTO "audit_index" VALUES(2,22);
INSERT INTO "audit_index" VALUES(2,23);
INSERT INTO "audit_index" VALUES(2,24);
INSERT INTO "audit_index" VALUES(2,25);
INSERT INTO "audit_index" VALUES(2,26);
INSERT INTO "audit_index" VALUES(2,27);
INSERT INTO "audit_index" VALUES(2,28);
INSERT INTO "audit_index" VALUES(2,29);
INSERT INTO "audit_index" VALUES(2,30);
INSERT INTO "audit_index" VALUES(2,31);
INSERT INTO "audit_index" VALUES(2,32);
INSERT INTO "audit_index" VALUES(2,33);
INSERT INTO "audit_index" VALUES(2,34);
INSERT INTO "audit_index" VALUES(2,35);
INSERT INTO "audit_index" VALUES(2,36);
INSERT INTO "audit_index" VALUES(2,37);
INSERT INTO "audit_index" VALUES(2,38);
INSERT INTO "audit_index" VALUES(2,39);
INSERT INTO "audit_index" VALUES(2,40);
INSERT INTO "audit_index" VALUES(2,41);
INSERT INTO "audit_index" VALUES(2,42);
INSERT INTO "audit_index" VALUES(2,43);
INSERT INTO "audit_index" VALUES(2,44);
INSERT INTO "audit_index" VALUES(2,45);
INSERT INTO "audit_index" VALUES(2,46);
INSERT INTO "audit_index" VALUES(2,47);
INSERT INTO "audit_index" VALUES(2,48);
INSERT INTO "audit_index" VALUES(2,49);
INSERT INTO "audit_index" VALUES(2,50);
INSERT INTO "audit_index" VALUES(2,51);
INSERT INTO "audit_index" VALUES(2,52);
INSERT INTO "audit_index" VALUES(2,53);
INSERT INTO "audit_index" VALUES(2,54);
INSERT INTO "audit_index" VALUES(2,55);
INSERT INTO "audit_index" VALUES(2,56);
INSERT INTO "audit_index" VALUES(2,57);
INSERT INTO "audit_index" VALUES(2,58);
INSERT INTO "audit_index" VALUES(2,59);
INSERT INTO "audit_index" VALUES(2,60);
INSERT INTO "audit_index" VALUES(2,61);
INSERT INTO "audit_index" VALUES(2,62);
INSERT INTO "audit_index" VALUES(2,63);
INSERT INTO "audit_index" VALUES(2,64);
INSERT INTO "audit_index" VALUES(2,65);
INSERT INTO "audit_index" VALUES(2,66);
INSERT INTO "audit_index" VALUES(2,67);
INSERT INTO "audit_index" VALUES(2,68);
INSERT INTO "audit_index" VALUES(2,69);
INSERT INTO "audit_index" VALUES(2,70);
INSERT INTO "audit_index" VALUES(2,71);
INSERT INTO "audit_index" VALUES(2,72);
INSERT INTO "audit_index" VALUES(2,73);
INSERT INTO "audit_index" VALUES(2,74);
INSERT INTO "audit_index" VALUES(2,75);
INSERT INTO "audit_index" VALUES(2,76);
INSERT INTO "audit_index" VALUES(2,77);
INSERT INTO "audit_index" VALUES(2,78);
INSERT INTO "audit_index" VALUES(2,79);
INSERT INTO "audit_index" VALUES(2,80);
INSERT INTO "audit_index" VALUES(2,81);
INSERT INTO "audit_index" VALUES(2,82);
INSERT INTO "audit_index" VALUES(2,83);
INSERT INTO "audit_index" VALUES(2,84);
INSERT INTO "audit_index" VALUES(2,85);
INSERT INTO "audit_index" VALUES(2,86);
INSERT INTO "audit_index" VALUES(2,87);
INSERT INTO "audit_index" VALUES(2,88);
INSERT INTO "audit_index" VALUES(2,89);
INSERT INTO "audit_index" VALUES(2,90);
INSERT INTO "audit_index" VALUES(2,91);
INSERT INTO "audit_index" VALUES(2,92);
INSERT INTO "audit_index" VALUES(2,93);
INSERT INTO "audit_index" VALUES(2,94);
INSERT INTO "audit_index" VALUES(2,95);
INSERT INTO "audit_index" VALUES(2,96);
INSERT INTO "audit_index" VALUES(2,97);
INSERT INTO "audit_index" VALUES(2,98);
INSERT INTO "audit_index" VALUES(2,99);
INSERT INTO "audit_index" VALUES(2,100);
INSERT INTO "audit_index" VALUES(2,101);
INSERT INTO "audit_index" VALUES(2,102);
INSERT INTO "audit_index" VALUES(2,103);
INSERT INTO "audit_index" VALUES(2,104);
INSERT INTO "audit_index" VALUES(3,1);
INSERT INTO "audit_index" VALUES(3,7);
INSERT INTO "audit_index" VALUES(3,10);
INSERT INTO "audit_index" VALUES(3,16);
INSERT INTO "audit_index" VALUES(3,18);
INSERT INTO "audit_index" VALUES(3,24);
INSERT INTO "audit_index" VALUES(3,27);
INSERT INTO "audit_index" VALUES(3,33);
INSERT INTO "audit_index" VALUES(3,36);
INSERT INTO "audit_index" VALUES(3,42);
INSERT INTO "audit_index" VALUES(3,44);
INSERT INTO "audit_index" VALUES(3,50);
INSERT INTO "audit_index" VALUES(3,53);
INSERT INTO "audit_index" VALUES(3,59);
INSERT INTO "audit_index" VALUES(3,62);
INSERT INTO "audit_index" VALUES(3,68);
INSERT INTO "audit_index" VALUES(3,70);
INSERT INTO "audit_index" VALUES(3,76);
INSERT INTO "audit_index" VALUES(3,79);
INSERT INTO "audit_index" VALUES(3,85);
INSERT INTO "audit_index" VALUES(3,88);
INSERT INTO "audit_index" VALUES(3,94);
INSERT INTO "audit_index" VALUES(3,96);
INSERT INTO "audit_index" VALUES(3,102);
INSERT INTO "audit_index" VALUES(4,1);
INSERT INTO "audit_index" VALUES(4,2);
INSERT INTO "audit_index" VALUES(4,3);
INSERT INTO "audit_index" VALUES(4,4);
INSERT INTO "audit_index" VALUES(4,5);
INSERT INTO "audit_index" VALUES(4,6);
INSERT INTO "audit_index" VALUES(4,7);
INSERT INTO "audit_index" VALUES(4,8);
INSERT INTO "audit_index" VALUES(4,9);
INSERT INTO "audit_index" VALUES(4,10);
INSERT INTO "audit_index" VALUES(4,11);
INSERT INTO "audit_index" VALUES(4,12);
INSERT INTO "audit_index" VALUES(4,13);
INSERT INTO "audit_index" VALUES(4,14);
INSERT INTO "audit_index" VALUES(4,15);
INSERT INTO "audit_index" VALUES(4,16);
INSERT INTO "audit_index" VALUES(4,17);
INSERT INTO "audit_index" VALUES(4,18);
INSERT INTO "audit_index" VALUES(4,19);
INSERT INTO "audit_index" VALUES(4,20);
INSERT INTO "audit_index" VALUES(4,21);
INSERT INTO "audit_index" VALUES(4,22);
INSERT INTO "audit_index" VALUES(4,23);
INSERT INTO "audit_index" VALUES(4,24);
INSERT INTO "audit_index" VALUES(4,25);
INSERT INTO "audit_index" VALUES(4,26);
INSERT INTO "audit_index" VALUES(4,27);
INSERT INTO "audit_index" VALUES(4,28);
INSERT INTO "audit_index" VALUES(4,29);
INSERT INTO "audit_index" VALUES(4,30);
INSERT INTO "audit_index" VALUES(4,31);
INSERT INTO "audit_index" VALUES(4,32);
INSERT INTO "audit_index" VALUES(4,33);
INSERT INTO "audit_index" VALUES(4,34);
INSERT INTO "audit_index" VALUES(4,35);
INSERT INTO "audit_index" VALUES(4,36);
INSERT INTO "audit_index" VALUES(4,37);
INSERT INTO "audit_index" VALUES(4,38);
INSERT INTO "audit_index" VALUES(4,39);
INSERT INTO "audit_index" VALUES(4,40);
INSERT INTO "audit_index" VALUES(4,41);
INSERT INTO "audit_index" VALUES(4,42);
INSERT INTO "audit_index" VALUES(4,43);
INSERT INTO "audit_index" VALUES(4,44);
INSERT INTO "audit_index" VALUES(4,45);
INSERT INTO "audit_index" VALUES(4,46);
INSERT INTO "audit_index" VALUES(4,47);
INSERT INTO "audit_index" VALUES(4,48);
INSERT INTO "audit_index" VALUES(4,49);
INSERT INTO "audit_index" VALUES(4,50);
INSERT INTO "audit_index" VALUES(4,51);
INSERT INTO "audit_index" VALUES(4,52);
INSERT INTO "audit_index" VALUES(4,53);
INSERT INTO "audit_index" VALUES(4,54);
INSERT INTO "audit_index" VALUES(4,55);
INSERT INTO "audit_index" VALUES(4,56);
INSERT INTO "audit_index" VALUES(4,57);
INSERT INTO "audit_index" VALUES(4,58);
INSERT INTO "audit_index" VALUES(4,59);
INSERT INTO "audit_index" VALUES(4,60);
INSERT INTO "audit_index" VALUES(4,61);
INSERT INTO "audit_index" VALUES(4,62);
INSERT INTO "audit_index" VALUES(4,63);
INSERT INTO "audit_index" VALUES(4,64);
INSERT INTO "audit_index" VALUES(4,65);
INSERT INTO "audit_index" VALUES(4,66);
INSERT INTO "audit_index" VALUES(4,67);
INSERT INTO "audit_index" VALUES(4,68);
INSERT INTO "audit_index" VALUES(4,69);
INSERT INTO "audit_index" VALUES(4,70);
INSERT INTO "audit_index" VALUES(4,71);
INSERT INTO "audit_index" VALUES(4,72);
INSERT INTO "audit_index" VALUES(4,73);
INSERT INTO "audit_index" VALUES(4,74);
INSERT INTO "audit_index" VALUES(4,75);
INSERT INTO "audit_index" VALUES(4,76);
INSERT INTO "audit_index" VALUES(4,77);
INSERT INTO "audit_index" VALUES(4,78);
INSERT INTO "audit_index" VALUES(4,79);
INSERT INTO "audit_index" VALUES(4,80);
INSERT INTO "audit_index" VALUES(4,81);
INSERT INTO "audit_index" VALUES(4,82);
INSERT INTO "audit_index" VALUES(4,83);
INSERT INTO "audit_index" VALUES(4,84);
INSERT INTO "audit_index" VALUES(4,85);
INSERT INTO "audit_index" VALUES(4,86);
INSERT INTO "audit_index" VALUES(4,87);
INSERT INTO "audit_index" VALUES(4,88);
INSERT INTO "audit_index" VALUES(4,89);
INSERT INTO "audit_index" VALUES(4,90);
INSERT INTO "audit_index" VALUES(4,91);
INSERT INTO "audit_index" VALUES(4,92);
INSERT INTO "audit_index" VALUES(4,93);
INSERT INTO "audit_index" VALUES(4,94);
INSERT INTO "audit_index" VALUES(4,95);
INSERT INTO "audit_index" VALUES(4,96);
INSERT INTO "audit_index" VALUES(4,97);
INSERT INTO "audit_index" VALUES(4,98);
INSERT INTO "audit_index" VALUES(4,99);
INSERT INTO "audit_index" VALUES(4,100);
INSERT INTO "audit_index" VALUES(4,101);
INSERT INTO "audit_index" VALUES(4,102);
INSERT INTO "audit_index" VALUES(4,103);
INSERT INTO "audit_index" VALUES(4,104);
INSERT INTO "audit_index" VALUES(5,1);
INSERT INTO "audit_index" VALUES(5,2);
INSERT INTO "audit_index" VALUES(5,3);
INSERT INTO "audit_index" VALUES(5,4);
INSERT INTO "audit_index" VALUES(5,5);
INSERT INTO "audit_index" VALUES(5,6);
INSERT INTO "audit_index" VALUES(5,7);
INSERT INTO "audit_index" VALUES(5,8);
INSERT INTO "audit_index" VALUES(5,9);
INSERT INTO "audit_index" VALUES(5,10);
INSERT INTO "audit_index" VALUES(5,11);
INSERT INTO "audit_index" VALUES(5,12);
INSERT INTO "audit_index" VALUES(5,13);
INSERT INTO "audit_index" VALUES(5,14);
INSERT INTO "audit_index" VALUES(5,15);
INSERT INTO "audit_index" VALUES(5,16);
INSERT INTO "audit_index" VALUES(5,17);
INSERT INTO "audit_index" VALUES(5,18);
INSERT INTO "audit_index" VALUES(5,19);
INSERT INTO "audit_index" VALUES(5,20);
INSERT INTO "audit_index" VALUES(5,21);
INSERT INTO "audit_index" VALUES(5,22);
INSERT INTO "audit_index" VALUES(5,23);
INSERT INTO "audit_index" VALUES(5,24);
INSERT INTO "audit_index" VALUES(5,25);
INSERT INTO "audit_index" VALUES(5,26);
INSERT INTO "audit_index" VALUES(5,27);
INSERT INTO "audit_index" VALUES(5,28);
INSERT INTO "audit_index" VALUES(5,29);
INSERT INTO "audit_index" VALUES(5,30);
INSERT INTO "audit_index" VALUES(5,31);
INSERT INTO "audit_index" VALUES(5,32);
INSERT INTO "audit_index" VALUES(5,33);
INSERT INTO "audit_index" VALUES(5,34);
INSERT INTO "audit_index" VALUES(5,35);
INSERT INTO "audit_index" VALUES(5,36);
INSERT INTO "audit_index" VALUES(5,37);
INSERT INTO "audit_index" VALUES(5,38);
INSERT INTO "audit_index" VALUES(5,39);
INSERT INTO "audit_index" VALUES(5,40);
INSERT INTO "audit_index" VALUES(5,41);
INSERT INTO "audit_index" VALUES(5,42);
INSERT INTO "audit_index" VALUES(5,43);
INSERT INTO "audit_index" VALUES(5,44);
INSERT INTO "audit_index" VALUES(5,45);
INSERT INTO "audit_index" VALUES(5,46);
INSERT INTO "audit_index" VALUES(5,47);
INSERT INTO "audit_index" VALUES(5,48);
INSERT INTO "audit_index" VALUES(5,49);
INSERT INTO "audit_index" VALUES(5,50);
INSERT INTO "audit_index" VALUES(5,51);
INSERT INTO "audit_index" VALUES(5,52);
INSERT INTO "audit_index" VALUES(5,53);
INSERT INTO "audit_index" VALUES(5,54);
INSERT INTO "audit_index" VALUES(5,55);
INSERT INTO "audit_index" VALUES(5,56);
INSERT INTO "audit_index" VALUES(5,57);
INSERT INTO "audit_index" VALUES(5,58);
INSERT INTO "audit_index" VALUES(5,59);
INSERT INTO "audit_index" VALUES(5,60);
INSERT INTO "audit_index" VALUES(5,61);
INSERT INTO "audit_index" VALUES(5,62);
INSERT INTO "audit_index" VALUES(5,63);
INSERT INTO "audit_index" VALUES(5,64);
INSERT INTO "audit_index" VALUES(5,65);
INSERT INTO "audit_index" VALUES(5,66);
INSERT INTO "audit_index" VALUES(5,67);
INSERT INTO "audit_index" VALUES(5,68);
INSERT INTO "audit_index" VALUES(5,69);
INSERT INTO "audit_index" VALUES(5,70);
INSERT INTO "audit_index" VALUES(5,71);
INSERT INTO "audit_index" VALUES(5,72);
INSERT INTO "audit_index" VALUES(5,73);
INSERT INTO "audit_index" VALUES(5,74);
INSERT INTO "audit_index" VALUES(5,75);
INSERT INTO "audit_index" VALUES(5,76);
INSERT INTO "audit_index" VALUES(5,77);
INSERT INTO "audit_index" VALUES(5,78);
INSERT INTO "audit_index" VALUES(5,79);
INSERT INTO "audit_index" VALUES(5,80);
INSERT INTO "audit_index" VALUES(5,81);
INSERT INTO "audit_index" VALUES(5,82);
INSERT INTO "audit_index" VALUES(5,83);
INSERT INTO "audit_index" VALUES(5,84);
INSERT INTO "audit_index" VALUES(5,85);
INSERT INTO "audit_index" VALUES(5,86);
INSERT INTO "audit_index" VALUES(5,87);
INSERT INTO "audit_index" VALUES(5,88);
INSERT INTO "audit_index" VALUES(5,89);
INSERT INTO "audit_index" VALUES(5,90);
INSERT INTO "audit_index" VALUES(5,91);
INSERT INTO "audit_index" VALUES(5,92);
INSERT INTO "audit_index" VALUES(5,93);
INSERT INTO "audit_index" VALUES(5,94);
INSERT INTO "audit_index" VALUES(5,95);
INSERT INTO "audit_index" VALUES(5,96);
INSERT INTO "audit_index" VALUES(5,97);
INSERT INTO "audit_index" VALUES(5,98);
INSERT INTO "audit_index" VALUES(5,99);
INSERT INTO "audit_index" VALUES(5,100);
INSERT INTO "audit_index" VALUES(5,101);
INSERT INTO "audit_index" VALUES(5,102);
INSERT INTO "audit_index" VALUES(5,103);
INSERT INTO "audit_index" VALUES(5,104);
INSERT INTO "audit_index" VALUES(6,2);
INSERT INTO "audit_index" VALUES(6,11);
INSERT INTO "audit_index" VALUES(6,19);
INSERT INTO "audit_index" VALUES(6,28);
INSERT INTO "audit_index" VALUES(6,37);
INSERT INTO "audit_index" VALUES(6,45);
INSERT INTO "audit_index" VALUES(6,54);
INSERT INTO "audit_index" VALUES(6,63);
INSERT INTO "audit_index" VALUES(6,71);
INSERT INTO "audit_index" VALUES(6,80);
INSERT INTO "audit_index" VALUES(6,89);
INSERT INTO "audit_index" VALUES(6,97);
INSERT INTO "audit_index" VALUES(7,3);
INSERT INTO "audit_index" VALUES(7,12);
INSERT INTO "audit_index" VALUES(7,20);
INSERT INTO "audit_index" VALUES(7,29);
INSERT INTO "audit_index" VALUES(7,38);
INSERT INTO "audit_index" VALUES(7,46);
INSERT INTO "audit_index" VALUES(7,55);
INSERT INTO "audit_index" VALUES(7,64);
INSERT INTO "audit_index" VALUES(7,72);
INSERT INTO "audit_index" VALUES(7,81);
INSERT INTO "audit_index" VALUES(7,90);
INSERT INTO "audit_index" VALUES(7,98);
INSERT INTO "audit_index" VALUES(8,4);
INSERT INTO "audit_index" VALUES(8,13);
INSERT INTO "audit_index" VALUES(8,21);
INSERT INTO "audit_index" VALUES(8,30);
INSERT INTO "audit_index" VALUES(8,39);
INSERT INTO "audit_index" VALUES(8,47);
INSERT INTO "audit_index" VALUES(8,56);
INSERT INTO "audit_index" VALUES(8,65);
INSERT INTO "audit_index" VALUES(8,73);
INSERT INTO "audit_index" VALUES(8,82);
INSERT INTO "audit_index" VALUES(8,91);
INSERT INTO "audit_index" VALUES(8,99);
INSERT INTO "audit_index" VALUES(9,5);
INSERT INTO "audit_index" VALUES(9,14);
INSERT INTO "audit_index" VALUES(9,22);
INSERT INTO "audit_index" VALUES(9,31);
INSERT INTO "audit_index" VALUES(9,40);
INSERT INTO "audit_index" VALUES(9,48);
INSERT INTO "audit_index" VALUES(9,57);
INSERT INTO "audit_index" VALUES(9,66);
INSERT INTO "audit_index" VALUES(9,74);
INSERT INTO "audit_index" VALUES(9,83);
INSERT INTO "audit_index" VALUES(9,92);
INSERT INTO "audit_index" VALUES(9,100);
INSERT INTO "audit_index" VALUES(10,6);
INSERT INTO "audit_index" VALUES(10,15);
INSERT INTO "audit_index" VALUES(10,23);
INSERT INTO "audit_index" VALUES(10,32);
INSERT INTO "audit_index" VALUES(10,41);
INSERT INTO "audit_index" VALUES(10,49);
INSERT INTO "audit_index" VALUES(10,58);
INSERT INTO "audit_index" VALUES(10,67);
INSERT INTO "audit_index" VALUES(10,75);
INSERT INTO "audit_index" VALUES(10,84);
INSERT INTO "audit_index" VALUES(10,93);
INSERT INTO "audit_index" VALUES(10,101);
INSERT INTO "audit_index" VALUES(11,6);
INSERT INTO "audit_index" VALUES(11,15);
INSERT INTO "audit_index" VALUES(11,23);
INSERT INTO "audit_index" VALUES(11,32);
INSERT INTO "audit_index" VALUES(11,41);
INSERT INTO "audit_index" VALUES(11,49);
INSERT INTO "audit_index" VALUES(11,58);
INSERT INTO "audit_index" VALUES(11,67);
INSERT INTO "audit_index" VALUES(11,75);
INSERT INTO "audit_index" VALUES(11,84);
INSERT INTO "audit_index" VALUES(11,93);
INSERT INTO "audit_index" VALUES(11,101);
INSERT INTO "audit_index" VALUES(12,7);
INSERT INTO "audit_index" VALUES(12,16);
INSERT INTO "audit_index" VALUES(12,24);
INSERT INTO "audit_index" VALUES(12,33);
INSERT INTO "audit_index" VALUES(12,42);
INSERT INTO "audit_index" VALUES(12,50);
INSERT INTO "audit_index" VALUES(12,59);
INSERT INTO "audit_index" VALUES(12,68);
INSERT INTO "audit_index" VALUES(12,76);
INSERT INTO "audit_index" VALUES(12,85);
INSERT INTO "audit_index" VALUES(12,94);
INSERT INTO "audit_index" VALUES(12,102);
INSERT INTO "audit_index" VALUES(13,8);
INSERT INTO "audit_index" VALUES(13,25);
INSERT INTO "audit_index" VALUES(13,34);
INSERT INTO "audit_index" VALUES(13,51);
INSERT INTO "audit_index" VALUES(13,60);
INSERT INTO "audit_index" VALUES(13,77);
INSERT INTO "audit_index" VALUES(13,86);
INSERT INTO "audit_index" VALUES(13,103);
INSERT INTO "audit_index" VALUES(14,9);
INSERT INTO "audit_index" VALUES(14,26);
INSERT INTO "audit_index" VALUES(14,35);
INSERT INTO "audit_index" VALUES(14,52);
INSERT INTO "audit_index" VALUES(14,61);
INSERT INTO "audit_index" VALUES(14,78);
INSERT INTO "audit_index" VALUES(14,87);
INSERT INTO "audit_index" VALUES(14,104);
INSERT INTO "audit_index" VALUES(15,17);
INSERT INTO "audit_index" VALUES(15,43);
INSERT INTO "audit_index" VALUES(15,69);
INSERT INTO "audit_index" VALUES(15,95);
INSERT INTO "audit_index" VALUES(16,17);
INSERT INTO "audit_index" VALUES(16,43);
INSERT INTO "audit_index" VALUES(16,69);
INSERT INTO "audit_index" VALUES(16,95);
INSERT INTO "audit_index" VALUES(17,17);
INSERT INTO "audit_index" VALUES(17,43);
INSERT INTO "audit_index" VALUES(17,69);
INSERT INTO "audit_index" VALUES(17,95);
CREATE TABLE audit_terms(id INTEGER PRIMARY KEY, term TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO "audit_terms" VALUES(1,'type:1');
INSERT INTO "audit_terms" VALUES(2,'repo:ebaejun/tools');
INSERT INTO "audit_terms" VALUES(3,'agent:demo');
INSERT INTO "audit_terms" VALUES(4,'actor:local');
INSERT INTO "audit_terms" VALUES(5,'actor:user');
INSERT INTO "audit_terms" VALUES(6,'type:9');
INSERT INTO "audit_terms" VALUES(7,'type:2');
INSERT INTO "audit_terms" VALUES(8,'type:3');
INSERT INTO "audit_terms" VALUES(9,'type:4');
INSERT INTO "audit_terms" VALUES(10,'type:5');
INSERT INTO "audit_terms" VALUES(11,'worker:worker-1');
INSERT INTO "audit_terms" VALUES(12,'type:6');
INSERT INTO "audit_terms" VALUES(13,'type:10');
INSERT INTO "audit_terms" VALUES(14,'type:7');
INSERT INTO "audit_terms" VALUES(15,'step:generate');
INSERT INTO "audit_terms" VALUES(16,'type:8');
INSERT INTO "audit_terms" VALUES(17,'code:agent-failed');
CREATE TABLE delegations(
  stream INTEGER PRIMARY KEY REFERENCES streams(id),
  id TEXT NOT NULL,
  stamp INTEGER NOT NULL,
  state TEXT NOT NULL,
  repository TEXT NOT NULL,
  branch TEXT NOT NULL,
  base_branch TEXT,
  base_sha TEXT,
  requester TEXT NOT NULL,
  priority INTEGER NOT NULL,
  agent TEXT NOT NULL,
  workflow TEXT NOT NULL,
  digest TEXT NOT NULL,
  pr INTEGER,
  pr_url TEXT,
  pr_state TEXT,
  task_commit_sha TEXT,
  commit_sha TEXT,
  worker TEXT,
  attempt INTEGER NOT NULL,
  failure_step TEXT,
  failure_code TEXT,
  failure_retryable INTEGER,
  next_intent TEXT,
  cancel_requested INTEGER NOT NULL,
  retry_at INTEGER,
  trouble_code TEXT,
  requested_at INTEGER NOT NULL,
  state_since INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  version INTEGER NOT NULL,
  position INTEGER NOT NULL,
  quarantine TEXT
) STRICT;
INSERT INTO "delegations" VALUES(1,'01890a5d-ac96-774b-bcce-000000000000',1733356800000,'Pushed','ebaejun/tools','feature/add-export-1733356800000','main','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1','local',5,'demo','personal-delegate','77',100,'https://github.com/ebaejun/tools/pull/100','open','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3e8','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d0','worker-1',1,NULL,NULL,NULL,NULL,0,NULL,NULL,1733356800000,1733356800000,1733356800000,9,9,NULL);
INSERT INTO "delegations" VALUES(2,'01890a5d-ac96-774b-bcce-000000000001',1733356800001,'Failed','ebaejun/tools','feature/add-export-1733356800001','main','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1','local',5,'demo','personal-delegate','77',101,'https://github.com/ebaejun/tools/pull/101','open','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3e9',NULL,'worker-1',1,'generate','agent-failed',1,NULL,0,NULL,NULL,1733356800000,1733356800000,1733356800000,8,17,NULL);
INSERT INTO "delegations" VALUES(3,'01890a5d-ac96-774b-bcce-000000000002',1733356800002,'Pushed','ebaejun/tools','feature/add-export-1733356800002','main','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1','local',5,'demo','personal-delegate','77',102,'https://github.com/ebaejun/tools/pull/102','open','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ea','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d2','worker-1',1,NULL,NULL,NULL,NULL,0,NULL,NULL,1733356800000,1733356800000,1733356800000,9,26,NULL);
INSERT INTO "delegations" VALUES(4,'01890a5d-ac96-774b-bcce-000000000003',1733356800003,'Pushed','ebaejun/tools','feature/add-export-1733356800003','main','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1','local',5,'demo','personal-delegate','77',103,'https://github.com/ebaejun/tools/pull/103','open','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3eb','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d3','worker-1',1,NULL,NULL,NULL,NULL,0,NULL,NULL,1733356800000,1733356800000,1733356800000,9,35,NULL);
INSERT INTO "delegations" VALUES(5,'01890a5d-ac96-774b-bcce-000000000004',1733356800004,'Failed','ebaejun/tools','feature/add-export-1733356800004','main','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1','local',5,'demo','personal-delegate','77',104,'https://github.com/ebaejun/tools/pull/104','open','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ec',NULL,'worker-1',1,'generate','agent-failed',1,'act',0,NULL,NULL,1733356800000,1733356800000,1733356800000,8,43,NULL);
INSERT INTO "delegations" VALUES(6,'01890a5d-ac96-774b-bcce-000000000005',1733356800005,'Pushed','ebaejun/tools','feature/add-export-1733356800005','main','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1','local',5,'demo','personal-delegate','77',105,'https://github.com/ebaejun/tools/pull/105','open','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ed','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d5','worker-1',1,NULL,NULL,NULL,NULL,0,NULL,NULL,1733356800000,1733356800000,1733356800000,9,52,NULL);
INSERT INTO "delegations" VALUES(7,'01890a5d-ac96-774b-bcce-000000000006',1733356800006,'Pushed','ebaejun/tools','feature/add-export-1733356800006','main','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1','local',5,'demo','personal-delegate','77',106,'https://github.com/ebaejun/tools/pull/106','open','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ee','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d6','worker-1',1,NULL,NULL,NULL,NULL,0,NULL,NULL,1733356800000,1733356800000,1733356800000,9,61,NULL);
INSERT INTO "delegations" VALUES(8,'01890a5d-ac96-774b-bcce-000000000007',1733356800007,'Failed','ebaejun/tools','feature/add-export-1733356800007','main','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1','local',5,'demo','personal-delegate','77',107,'https://github.com/ebaejun/tools/pull/107','open','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ef',NULL,'worker-1',1,'generate','agent-failed',1,NULL,0,NULL,NULL,1733356800000,1733356800000,1733356800000,8,69,NULL);
INSERT INTO "delegations" VALUES(9,'01890a5d-ac96-774b-bcce-000000000008',1733356800008,'Pushed','ebaejun/tools','feature/add-export-1733356800008','main','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1','local',5,'demo','personal-delegate','77',108,'https://github.com/ebaejun/tools/pull/108','open','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f0','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d8','worker-1',1,NULL,NULL,NULL,NULL,0,NULL,NULL,1733356800000,1733356800000,1733356800000,9,78,NULL);
INSERT INTO "delegations" VALUES(10,'01890a5d-ac96-774b-bcce-000000000009',1733356800009,'Pushed','ebaejun/tools','feature/add-export-1733356800009','main','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1','local',5,'demo','personal-delegate','77',109,'https://github.com/ebaejun/tools/pull/109','open','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f1','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d9','worker-1',1,NULL,NULL,NULL,'act',0,NULL,NULL,1733356800000,1733356800000,1733356800000,9,87,NULL);
INSERT INTO "delegations" VALUES(11,'01890a5d-ac96-774b-bcce-00000000000a',1733356800010,'Failed','ebaejun/tools','feature/add-export-1733356800010','main','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1','local',5,'demo','personal-delegate','77',110,'https://github.com/ebaejun/tools/pull/110','open','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f2',NULL,'worker-1',1,'generate','agent-failed',1,NULL,0,NULL,NULL,1733356800000,1733356800000,1733356800000,8,95,NULL);
INSERT INTO "delegations" VALUES(12,'01890a5d-ac96-774b-bcce-00000000000b',1733356800011,'Pushed','ebaejun/tools','feature/add-export-1733356800011','main','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1','local',5,'demo','personal-delegate','77',111,'https://github.com/ebaejun/tools/pull/111','open','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f3','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7db','worker-1',1,NULL,NULL,NULL,NULL,0,NULL,NULL,1733356800000,1733356800000,1733356800000,9,104,NULL);
CREATE TABLE events(
  position INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  stream INTEGER NOT NULL REFERENCES streams(id),
  version INTEGER NOT NULL,
  type INTEGER NOT NULL,
  schema INTEGER NOT NULL,
  time INTEGER NOT NULL,
  actor_kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  correlation TEXT,
  causation BLOB,
  repository TEXT,
  branch TEXT,
  base_branch TEXT,
  requester TEXT,
  stamp INTEGER,
  priority INTEGER,
  agent TEXT,
  workflow TEXT,
  digest TEXT,
  sha TEXT,
  parent TEXT,
  pr INTEGER,
  url TEXT,
  adopted INTEGER,
  worker TEXT,
  incarnation INTEGER,
  attempt INTEGER,
  token INTEGER,
  step TEXT,
  code TEXT,
  tries INTEGER,
  retry_at INTEGER,
  ambiguous INTEGER,
  retryable INTEGER,
  detail TEXT,
  payload_hash BLOB NOT NULL,
  hash BLOB NOT NULL
, input_tokens INTEGER, output_tokens INTEGER, cached_tokens INTEGER, cost_microdollars INTEGER, millicredits INTEGER) STRICT;
INSERT INTO "events" VALUES(1,X'0193941DC80070008B56ACA8AC28D428',1,1,1,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000000',NULL,'ebaejun/tools','feature/add-export-1733356800000',NULL,'local',1733356800000,5,'demo','personal-delegate','77',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attemptsMax":2,"draft":false}',X'7486D6DC0E40CC21F34EFF2FD9268E5FABC284EDA7337DDC4EE2AC5BE7256E7D',X'37473A371A828CDF0DAFE49EA21646F6BDC2C884E27B71477AD492125ABB2609',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(2,X'0193941DC8007001B8EE60D10A59B668',1,2,9,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000000',X'0193941DC80070008B56ACA8AC28D428',NULL,NULL,'main',NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'006EC8B099723134A20B2E4FC5A65E27BF05769B67578CF3DC9EA0D0CCF3D962',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(3,X'0193941DC8007002812DFE6C7AC0B0EA',1,3,2,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000000',X'0193941DC8007001B8EE60D10A59B668',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'D5E8B5792995908F82A56ED014E7EC69CA8B908BAF8964D68FC67038F40976BD',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(4,X'0193941DC8007003B6EECE9CF7B721CA',1,4,3,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000000',X'0193941DC8007002812DFE6C7AC0B0EA',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3e8',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'D15A5C519A110D424E07E875F6271C83917518B985A54601180948BB0B2084A0',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(5,X'0193941DC800700486F8AEB58A13CE71',1,5,4,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000000',X'0193941DC8007003B6EECE9CF7B721CA',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,100,'https://github.com/ebaejun/tools/pull/100',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'A1DE06B0FB4F6CCB835D0E18C68C2B63FD585D26E8A3A28DE8D810A28ACFE6BD',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(6,X'0193941DC80070058D97234A45B6BC8E',1,6,5,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000000',X'0193941DC800700486F8AEB58A13CE71',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'worker-1',1,1,4294967297,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'3ACFD382E368B3BD92B7EA2026D407F11AEA1F40326080770EB45229B8BE3C44',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(7,X'0193941DC80070068FDFD16DBFDEE2E8',1,7,6,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000000',X'0193941DC80070058D97234A45B6BC8E',NULL,NULL,NULL,NULL,NULL,NULL,'demo',NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3e8',NULL,NULL,NULL,NULL,NULL,NULL,1,4294967297,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'E9D563734E37D753CBFD6331DA3A0B3DAE54A806C25CF408362813EBBDEA1F28',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(8,X'0193941DC8007007827394AAB99FF75F',1,8,10,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000000',X'0193941DC80070068FDFD16DBFDEE2E8',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d0','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3e8',NULL,NULL,NULL,NULL,NULL,1,4294967297,NULL,NULL,NULL,NULL,NULL,NULL,'{"deletions":4,"durationMs":12000,"filesChanged":2,"insertions":30,"outputDigest":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","outputSize":812}',X'EB874D95EAE5E2707E1B149CBD8FD8539EADB24A282BA367BD76616FF826DE36',X'DED6D9D39231FC8598F2EACE3DF4455960A8DBEBE80E9688F0B71DFA76D5712B',12345,678,11000,12300,250);
INSERT INTO "events" VALUES(9,X'0193941DC8007008AF0849DFDB343DC9',1,9,7,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000000',X'0193941DC8007007827394AAB99FF75F',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d0',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'35C229C3B77F97C404213A7963D956C9FF48D3AE11B969BBCE158490BDE358C7',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(10,X'0193941DC8007009948530B0D6E81EEB',2,1,1,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000001',NULL,'ebaejun/tools','feature/add-export-1733356800001',NULL,'local',1733356800001,5,'demo','personal-delegate','77',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attemptsMax":2,"draft":false}',X'D5C2F7FC3C3419236529656A25AC57D701072C84B611A51600F78FA7DD0A3391',X'151DC520F84937F1B227E35624709DBEFA7E2C6CAC3561C44B6731B5D70DD7E1',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(11,X'0193941DC800700A92EB6F9E146D0D68',2,2,9,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000001',X'0193941DC8007009948530B0D6E81EEB',NULL,NULL,'main',NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'3D1D0E7EA766CBE5F4FCAC1C5A305D8C4EC364FE4706651AA468330B3ACE6DD8',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(12,X'0193941DC800700BA47DB46B4ECAB757',2,3,2,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000001',X'0193941DC800700A92EB6F9E146D0D68',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'9D80381FA3A020F7D1BFE45084BE306EA7E3C32606979BC6181CD3324BBAE027',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(13,X'0193941DC800700CAFF8B18183287CA1',2,4,3,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000001',X'0193941DC800700BA47DB46B4ECAB757',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3e9',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'552F89E90EC0EFD7816476113BEA4C899847D416B4BE429DE204D5A9DE722CCB',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(14,X'0193941DC800700DAFDC7F9FD2868D77',2,5,4,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000001',X'0193941DC800700CAFF8B18183287CA1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,101,'https://github.com/ebaejun/tools/pull/101',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'555C01402D84F44A732631C8D2D32D763FC3F98ECDE3844E5C9503BB58954785',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(15,X'0193941DC800700EAF8C3782D915EF9E',2,6,5,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000001',X'0193941DC800700DAFDC7F9FD2868D77',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'worker-1',1,1,4294967298,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'4335C631105DE97C484776DC0DF3A2DDD0ADC8CC4C4164A76B64FCBDB09D3261',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(16,X'0193941DC800700FA6FD0A9A7A4C2D02',2,7,6,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000001',X'0193941DC800700EAF8C3782D915EF9E',NULL,NULL,NULL,NULL,NULL,NULL,'demo',NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3e9',NULL,NULL,NULL,NULL,NULL,NULL,1,4294967298,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'BF959CBEECC214058C494894690DEE3680E99E8CD21F672E4B530FF5B2D7DE96',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(17,X'0193941DC8007010A5F220B444833F35',2,8,8,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000001',X'0193941DC800700FA6FD0A9A7A4C2D02',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'generate','agent-failed',NULL,NULL,NULL,1,NULL,X'9FFEAFDCF0CF632AB51C637D7C7265B95E6D3E96588901797D3E0365D9E4E346',X'1AF2763A61947F1844531FA662F43D61F4ABB9563A24702A81C6BE7CA96E90EA',10,NULL,NULL,1,NULL);
INSERT INTO "events" VALUES(18,X'0193941DC8007011A760C5F3F2FEC15B',3,1,1,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000002',NULL,'ebaejun/tools','feature/add-export-1733356800002',NULL,'local',1733356800002,5,'demo','personal-delegate','77',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attemptsMax":2,"draft":false}',X'5F49FE8BF3EDB7E33D3EBEBD2CAF76A490B61F82192C50A79626B0A90DEC731D',X'B7D86EB062BBA3296407A8338E4C2497B1EDB2ED7ECA02B259642C351AFF97B6',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(19,X'0193941DC80070129499512FC68F91D0',3,2,9,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000002',X'0193941DC8007011A760C5F3F2FEC15B',NULL,NULL,'main',NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'7B8FE5CAC0925AE24977B30025FAD6794A1B51576F420A8B1EC1B13A84FF1C43',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(20,X'0193941DC8007013AC0C4230AA1861DD',3,3,2,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000002',X'0193941DC80070129499512FC68F91D0',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'B63600AB96589F0B8073F876DB945D4924C2C0E973F911320693F67D6F9229AA',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(21,X'0193941DC8007014AB5099B22C87740E',3,4,3,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000002',X'0193941DC8007013AC0C4230AA1861DD',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ea',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'AE29C5CE7C1E961107128CF65901C62896D1D2DC4B0EA1D115E911E1934B29CC',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(22,X'0193941DC800701584AC85B0E7683D5C',3,5,4,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000002',X'0193941DC8007014AB5099B22C87740E',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,102,'https://github.com/ebaejun/tools/pull/102',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'2559D9B9CDB8C1C190EC2D0ABECFA92E4BD3E5149D0D1292492A54EF5DD73FFC',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(23,X'0193941DC80070169529739A0953E3D2',3,6,5,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000002',X'0193941DC800701584AC85B0E7683D5C',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'worker-1',1,1,4294967299,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'AA0A73B7E867359731C6B0B056168B4B59CF0341CDC3F347706CE94F166AF340',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(24,X'0193941DC80070179FD8E51B894AC3F5',3,7,6,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000002',X'0193941DC80070169529739A0953E3D2',NULL,NULL,NULL,NULL,NULL,NULL,'demo',NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ea',NULL,NULL,NULL,NULL,NULL,NULL,1,4294967299,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'02BFF64DC700606362EC58B5CDEE79255AC53FB80D9525DA956C0D8FED22BF01',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(25,X'0193941DC8007018BA6B0186B46E628D',3,8,10,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000002',X'0193941DC80070179FD8E51B894AC3F5',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d2','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ea',NULL,NULL,NULL,NULL,NULL,1,4294967299,NULL,NULL,NULL,NULL,NULL,NULL,'{"deletions":4,"durationMs":12000,"filesChanged":2,"insertions":30,"outputDigest":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","outputSize":812}',X'F77C54A1A76CFD63BC36C4F4939B17F1FCD496A94F4EC95DC56E2E16C9D1B085',X'F31E9BFE94C2B300C8D4CD801DF9D88138530F337AFD9BB98219427C3DC3EA2C',12345,678,11000,12300,250);
INSERT INTO "events" VALUES(26,X'0193941DC800701993BA82AD61A9E228',3,9,7,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000002',X'0193941DC8007018BA6B0186B46E628D',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d2',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'2224F0A0B2AC760CC5A3ADB8ABEA2548A2D21B26ECDF593893BC7F0D17312D37',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(27,X'0193941DC800701A8405EFD9263D9DBB',4,1,1,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000003',NULL,'ebaejun/tools','feature/add-export-1733356800003',NULL,'local',1733356800003,5,'demo','personal-delegate','77',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attemptsMax":2,"draft":false}',X'155359E19FCC03C6F1EA8121A145F257F63DCE0B3EFC5A48A5D4593C6683CE71',X'ABC3E84371B07C056C2100BD0DC77B5C5D525ED87F67C1CA67097294C769B621',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(28,X'0193941DC800701BBD361DCEA9F36535',4,2,9,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000003',X'0193941DC800701A8405EFD9263D9DBB',NULL,NULL,'main',NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'66D6F0B1C2AE9727AD131481443BC186242E90BEBE6FB5795EBD2F712D62F5C9',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(29,X'0193941DC800701CB63FD18A6EEA37FF',4,3,2,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000003',X'0193941DC800701BBD361DCEA9F36535',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'30C699BE01BD481A98B7B6F7760F21C13DAA892C4836FD5E1A194BB2B6DD008F',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(30,X'0193941DC800701DB54D7B87D004696E',4,4,3,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000003',X'0193941DC800701CB63FD18A6EEA37FF',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3eb',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'05A04864A6B19945155E65ECBA3E35B57DF16476EF26A62398ACC455BE52E9F8',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(31,X'0193941DC800701E8C5DE355DA76BA4D',4,5,4,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000003',X'0193941DC800701DB54D7B87D004696E',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,103,'https://github.com/ebaejun/tools/pull/103',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'398B3A2ABDC1112D8033030A2D489DB4E5833D09A57D6231B1733DE9D2A6634F',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(32,X'0193941DC800701F938DB2E93B77B195',4,6,5,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000003',X'0193941DC800701E8C5DE355DA76BA4D',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'worker-1',1,1,4294967300,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'77A18902097D1439F50159E2C3DF619322F017333F2E179DAC2E152D82722978',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(33,X'0193941DC800702085C623DE9EEC0C40',4,7,6,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000003',X'0193941DC800701F938DB2E93B77B195',NULL,NULL,NULL,NULL,NULL,NULL,'demo',NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3eb',NULL,NULL,NULL,NULL,NULL,NULL,1,4294967300,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'6A7A59C4E4F5488B3B60F55710CF39A0B4ED695AE61170593317FA6CA96DE8F8',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(34,X'0193941DC800702188AA8285C10C1A03',4,8,10,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000003',X'0193941DC800702085C623DE9EEC0C40',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d3','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3eb',NULL,NULL,NULL,NULL,NULL,1,4294967300,NULL,NULL,NULL,NULL,NULL,NULL,'{"deletions":4,"durationMs":12000,"filesChanged":2,"insertions":30,"outputDigest":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","outputSize":812}',X'8670E0D6484DC0F8613CE6D848F0C717A221EA28BF7E36AB7FD2B919478FD85F',X'6AF185DB604A32D04D3C0F36395AD0F83101A346820B1E712053D17E772DFF36',12345,678,11000,12300,250);
INSERT INTO "events" VALUES(35,X'0193941DC800702296D8DC3CA0479EC0',4,9,7,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000003',X'0193941DC800702188AA8285C10C1A03',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d3',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'9094A70EABCD66D6EF3F0E26515C516CF7A269C4B2F81A3952EF56FBB5C8B319',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(36,X'0193941DC8007023BC557ACDCA9D57F9',5,1,1,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000004',NULL,'ebaejun/tools','feature/add-export-1733356800004',NULL,'local',1733356800004,5,'demo','personal-delegate','77',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attemptsMax":2,"draft":false,"notices":["failed","pushed"]}',X'6993A4E6F2B67CC974B91B4972956A8B8C9F1F12CC0BD2E9266F0EF6355BFF85',X'7054ABEBF55195328B73A0E16399FE30557F6E4F3C7F8B5E7672C68CF8784EF9',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(37,X'0193941DC80070249B6C947C16E9AAA8',5,2,9,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000004',X'0193941DC8007023BC557ACDCA9D57F9',NULL,NULL,'main',NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'567020340D1F41762BD797F607168E483FCB6A331F09BA3DD01CDEEA6879C959',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(38,X'0193941DC8007025849838460A4CB3DE',5,3,2,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000004',X'0193941DC80070249B6C947C16E9AAA8',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'77BF48B13CE05FFABA3209CD2F49CC7C9B355767C96C25087634F05F3B042F2C',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(39,X'0193941DC8007026BF40BEF41C2F2DCE',5,4,3,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000004',X'0193941DC8007025849838460A4CB3DE',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ec',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'E1A9533ED0C1B85A3CA9C14D62FDFC328D92CA91CFB9F3742F3728A63662ACD7',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(40,X'0193941DC8007027AD8B16FA07282D4B',5,5,4,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000004',X'0193941DC8007026BF40BEF41C2F2DCE',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,104,'https://github.com/ebaejun/tools/pull/104',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'EB193A3C83C7AA43B357EBFC29DE3A4853B96F3B3D5FF7B4A3ADA3E533051D07',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(41,X'0193941DC8007028BC5BE6089CA41E00',5,6,5,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000004',X'0193941DC8007027AD8B16FA07282D4B',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'worker-1',1,1,4294967301,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'8857AB8890882976BED0E3BB3414D1D0572E1E4D935F52A4DC87AD3DBA3BE08F',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(42,X'0193941DC8007029902ACDC5DAAB5A4D',5,7,6,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000004',X'0193941DC8007028BC5BE6089CA41E00',NULL,NULL,NULL,NULL,NULL,NULL,'demo',NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ec',NULL,NULL,NULL,NULL,NULL,NULL,1,4294967301,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'8D5FECB5F7E0AA6209C35F8345E5CA4BAFFC31B3C2F973785D030F417D2E9C9A',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(43,X'0193941DC800702A9C25DEDAB20FF2AE',5,8,8,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000004',X'0193941DC8007029902ACDC5DAAB5A4D',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'generate','agent-failed',NULL,NULL,NULL,1,NULL,X'3F54C4E6E477C1E3D4D1F3033A974F295EDC54473BE86DA40B2ABEA321ECF9C1',X'8E4CE500CC129467CFE6A7B9D4600648F2E9E38C26DECFD479AF6C1177063950',10,NULL,NULL,1,NULL);
INSERT INTO "events" VALUES(44,X'0193941DC800702B81EF6AA23A02668B',6,1,1,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000005',NULL,'ebaejun/tools','feature/add-export-1733356800005',NULL,'local',1733356800005,5,'demo','personal-delegate','77',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attemptsMax":2,"draft":false}',X'7D3168BC22E69D47D46B26D35D4FCDDDDA899F6BBBEC0DA55F428220D73600BD',X'FB1A05CACD05D6300999A6CDA1E0912483337F657FA49697040035F3D3890372',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(45,X'0193941DC800702CAFD2653252776D05',6,2,9,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000005',X'0193941DC800702B81EF6AA23A02668B',NULL,NULL,'main',NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'D707EA4E29CAF7CD8EAF86B5B5C556FEB0F37A28622871062150E244F6EFD505',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(46,X'0193941DC800702D9BD2C2039B2420CA',6,3,2,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000005',X'0193941DC800702CAFD2653252776D05',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'C008B0F97C09D59E5E131541CD161F709E62ADB29FE3A86A5BD364122B116F93',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(47,X'0193941DC800702EB1695C01E6A09840',6,4,3,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000005',X'0193941DC800702D9BD2C2039B2420CA',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ed',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'9809942F8E6D6F48E7BB9A322532D30F171C889C868BCC1896803EE571A4032B',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(48,X'0193941DC800702FBFFF0558D60896F8',6,5,4,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000005',X'0193941DC800702EB1695C01E6A09840',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,105,'https://github.com/ebaejun/tools/pull/105',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'767A20BDBFA2AC07A5F53EDF3BDFA393CB0B3CD77DEAD0B6F2289976C17E82BE',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(49,X'0193941DC8007030860CF50B9300A217',6,6,5,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000005',X'0193941DC800702FBFFF0558D60896F8',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'worker-1',1,1,4294967302,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'95E9906F1F828DAD1AF47F7D28531C67828570CFEC9DE46CA0C99C61CD44EAC1',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(50,X'0193941DC8007031A7BD64911A5C16B0',6,7,6,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000005',X'0193941DC8007030860CF50B9300A217',NULL,NULL,NULL,NULL,NULL,NULL,'demo',NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ed',NULL,NULL,NULL,NULL,NULL,NULL,1,4294967302,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'5AD8A7CC472CE8832E8779879448A4E9B2CBBF5D18E84E1769CD14D481136A60',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(51,X'0193941DC8007032A8E611228069FBF0',6,8,10,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000005',X'0193941DC8007031A7BD64911A5C16B0',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d5','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ed',NULL,NULL,NULL,NULL,NULL,1,4294967302,NULL,NULL,NULL,NULL,NULL,NULL,'{"deletions":4,"durationMs":12000,"filesChanged":2,"insertions":30,"outputDigest":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","outputSize":812}',X'BC55F0317742477AC9822FBFCC4828F61EB0504AA86511FD06174D22826AC5E0',X'4F36236E8F6CE189781651527B164847D284C66CDC7967338ACEEC27DE9D487F',12345,678,11000,12300,250);
INSERT INTO "events" VALUES(52,X'0193941DC800703385AF17EC54C3C949',6,9,7,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000005',X'0193941DC8007032A8E611228069FBF0',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d5',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'E12EBB1BDBDC27EF3E3167833B951568AC224EE19C4DD44592461CAA8A8F0B9F',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(53,X'0193941DC8007034B2E0F14E196BEBAB',7,1,1,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000006',NULL,'ebaejun/tools','feature/add-export-1733356800006',NULL,'local',1733356800006,5,'demo','personal-delegate','77',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attemptsMax":2,"draft":false}',X'2812F6858635C2CEC0F14AF9428CDB9B101834457F7DF230A1BE1D19842FB8BE',X'9B0E8B2227496AB8AB1CCF8A9E301170F7D6CF8849A9078614AA7E5A3100ECA1',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(54,X'0193941DC8007035923D206E70BE5D57',7,2,9,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000006',X'0193941DC8007034B2E0F14E196BEBAB',NULL,NULL,'main',NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'018A8E0E2F7662B23453A48D5DE7CF544BBD490F95D5B20CC099F48DFDBB2B21',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(55,X'0193941DC80070369FA2663E82636CE1',7,3,2,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000006',X'0193941DC8007035923D206E70BE5D57',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'E3AD3A45F04EFFF2C0C7A63F24BDC61378604938AD4DEE5E1365B0636FA12926',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(56,X'0193941DC8007037BD51FF833A1AF8BC',7,4,3,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000006',X'0193941DC80070369FA2663E82636CE1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ee',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'493C9AB43028CF863B9A18C8A953067EFB49303F8D84CE0A161AB9E70CA57DA8',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(57,X'0193941DC8007038BF2A7B22E6657E1A',7,5,4,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000006',X'0193941DC8007037BD51FF833A1AF8BC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,106,'https://github.com/ebaejun/tools/pull/106',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'791F1A25258B05122E3BC4DDECB4E27F4FA0CF3724E90B6BD637C8E6F12494AE',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(58,X'0193941DC8007039982F875998901D24',7,6,5,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000006',X'0193941DC8007038BF2A7B22E6657E1A',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'worker-1',1,1,4294967303,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'33953838D7DCFF02F13361D378273B4E79E3F7A12E56E804ECC722C4A359FA38',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(59,X'0193941DC800703A8A73C9DD6EB723B3',7,7,6,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000006',X'0193941DC8007039982F875998901D24',NULL,NULL,NULL,NULL,NULL,NULL,'demo',NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ee',NULL,NULL,NULL,NULL,NULL,NULL,1,4294967303,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'6D6769EADB5F66D5A7458752787B8E8A7E328A53212A19F369EAF1E26DBC3E52',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(60,X'0193941DC800703B8C45EFEDF878522E',7,8,10,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000006',X'0193941DC800703A8A73C9DD6EB723B3',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d6','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ee',NULL,NULL,NULL,NULL,NULL,1,4294967303,NULL,NULL,NULL,NULL,NULL,NULL,'{"deletions":4,"durationMs":12000,"filesChanged":2,"insertions":30,"outputDigest":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","outputSize":812}',X'46212837C0E3C78EB795EA8E137A9A631D7B8F78D39CA38339FE354DD55D3416',X'8B89896548649DFC25713D899C18A491D3CB8028E2FE4BE23A1DBF47068E1FA6',12345,678,11000,12300,250);
INSERT INTO "events" VALUES(61,X'0193941DC800703CB87A88D2F6CFA4FF',7,9,7,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000006',X'0193941DC800703B8C45EFEDF878522E',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d6',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'AFA68B1D156C992E71D89F72A02576A0301934FA93DA9B369ADB820CBEFC9E9E',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(62,X'0193941DC800703D8E8F44216FD4E899',8,1,1,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000007',NULL,'ebaejun/tools','feature/add-export-1733356800007',NULL,'local',1733356800007,5,'demo','personal-delegate','77',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attemptsMax":2,"draft":false}',X'49DC9A4FDA46EDFD740D9E409327FCAEECE822977C3029834AD02BE56F1FCD0A',X'5ABDEDC087BEAC2C5E15C6482328350856396EE66C83BAD92C3AA2A04EEF0C90',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(63,X'0193941DC800703E986070DD9A138B17',8,2,9,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000007',X'0193941DC800703D8E8F44216FD4E899',NULL,NULL,'main',NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'57C82AEF7DDE446082F8DB5C22D28FBEED99EEFF416654F9E2D8E75ACFC13ADE',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(64,X'0193941DC800703FA012B633E1A44BFF',8,3,2,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000007',X'0193941DC800703E986070DD9A138B17',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'607B37D2EFD28DF6F23885B7B6606B3C320017EE68317887B371019BD1BD162A',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(65,X'0193941DC8007040BD76D76A918228D0',8,4,3,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000007',X'0193941DC800703FA012B633E1A44BFF',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ef',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'C68608615E7FC33296C258B049E15DCA306536B1E24F7BD00B474CB64FDE3579',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(66,X'0193941DC80070418EBF07683BBE3575',8,5,4,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000007',X'0193941DC8007040BD76D76A918228D0',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,107,'https://github.com/ebaejun/tools/pull/107',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'96C5BB16AE243591D1FEBF77DC0EA6A87719870566264F20C81088A9A11A5A00',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(67,X'0193941DC8007042AB3370C5C3C9E7D0',8,6,5,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000007',X'0193941DC80070418EBF07683BBE3575',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'worker-1',1,1,4294967304,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'F84E9A118B386C406A0322DA0CF04E9D269CFA9EC79C10687CF1F704E5126857',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(68,X'0193941DC80070438217134EA3E97DC6',8,7,6,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000007',X'0193941DC8007042AB3370C5C3C9E7D0',NULL,NULL,NULL,NULL,NULL,NULL,'demo',NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3ef',NULL,NULL,NULL,NULL,NULL,NULL,1,4294967304,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'F147CEB9244F9CA04A4C4CC6F0ACDC532A6DAEC9E9A2497A5D11CF9C82660D02',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(69,X'0193941DC800704491EF9BF3D844C6A9',8,8,8,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000007',X'0193941DC80070438217134EA3E97DC6',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'generate','agent-failed',NULL,NULL,NULL,1,NULL,X'FBD140A3D6460F9485D6899E1FE63065E4A96C6B796DD956F400481E556E6079',X'9F42D82FB517B3A1811B1258B7E7EEDB1407E8E6F87E39D3215AC93E09580926',10,NULL,NULL,1,NULL);
INSERT INTO "events" VALUES(70,X'0193941DC8007045B6096BCE1130CCE9',9,1,1,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000008',NULL,'ebaejun/tools','feature/add-export-1733356800008',NULL,'local',1733356800008,5,'demo','personal-delegate','77',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attemptsMax":2,"draft":false}',X'8A5793F551EC327787E9EC195D905A07F11C539A8E9652FE7EBB59AAD5184E83',X'8664D7928AEBFF145BF8413761D6EA944794910A8FB6E1171265F496F02B452C',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(71,X'0193941DC8007046918056BFD2B70855',9,2,9,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000008',X'0193941DC8007045B6096BCE1130CCE9',NULL,NULL,'main',NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'E731523489CD9F85BD46301791698507A78268039798385BF5990C109E3B3CDA',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(72,X'0193941DC8007047B1F1A7023FEE3CB1',9,3,2,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000008',X'0193941DC8007046918056BFD2B70855',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'D6A061F67E21B9E8416977C87DF35A7C639A84113CFE4BC48BB63627B89B15E0',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(73,X'0193941DC80070488FE34B53BD78E948',9,4,3,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000008',X'0193941DC8007047B1F1A7023FEE3CB1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f0',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'9C9404EF3CF4C00020D944BB312F6D76310CE5D576ADF67ACA88705D569914F3',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(74,X'0193941DC800704994F2A82418970146',9,5,4,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000008',X'0193941DC80070488FE34B53BD78E948',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,108,'https://github.com/ebaejun/tools/pull/108',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'7689C6D03986EF405026180214052AD7FC0E81925FB8EB8D8924ED11CB6F8168',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(75,X'0193941DC800704A9BEDD791ACC61717',9,6,5,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000008',X'0193941DC800704994F2A82418970146',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'worker-1',1,1,4294967305,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'D0F3CD7D8E281DFA31031CFA2F7644D2C4D51B760560E4038354C6E79CF3BCE7',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(76,X'0193941DC800704BA68131B02C5015CF',9,7,6,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000008',X'0193941DC800704A9BEDD791ACC61717',NULL,NULL,NULL,NULL,NULL,NULL,'demo',NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f0',NULL,NULL,NULL,NULL,NULL,NULL,1,4294967305,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'E0555C38227D89D99EB691CAAA6A7C2CC6F1E003646B8A915D9BC528F4F0FF1D',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(77,X'0193941DC800704CB8D28586F69A7AF0',9,8,10,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000008',X'0193941DC800704BA68131B02C5015CF',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d8','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f0',NULL,NULL,NULL,NULL,NULL,1,4294967305,NULL,NULL,NULL,NULL,NULL,NULL,'{"deletions":4,"durationMs":12000,"filesChanged":2,"insertions":30,"outputDigest":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","outputSize":812}',X'BCFE1301D3D59BDF5B8C2A24C288CFA5D4675CF5818E30C7266004E58D9563CF',X'836F8C55DDD525EF7ACEBABB24E0F30D84754C2CDA6EB26BAD4199751063AC2E',12345,678,11000,12300,250);
INSERT INTO "events" VALUES(78,X'0193941DC800704DB2A1EED5609DC275',9,9,7,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000008',X'0193941DC800704CB8D28586F69A7AF0',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d8',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'FE2536848CCF79356CBA6B15C54BF31A7A2299A4025A9CD864BAFBDE70ABD01C',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(79,X'0193941DC800704E964AB608AC3A6B66',10,1,1,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000009',NULL,'ebaejun/tools','feature/add-export-1733356800009',NULL,'local',1733356800009,5,'demo','personal-delegate','77',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attemptsMax":2,"draft":false,"notices":["failed","pushed"]}',X'2451BA957E9938869C5FBAE966D2E1B2E608BCC5C8353BE9C2AACF6C10307AA9',X'F003E21E49436093822B1F7721C394347D0027D211C15069D6DF9DAEF3BE211B',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(80,X'0193941DC800704F9825461003BA5491',10,2,9,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000009',X'0193941DC800704E964AB608AC3A6B66',NULL,NULL,'main',NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'201838069474B903290D90F912A960AA0B7EC296FEE298D43C841327EE57EBCC',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(81,X'0193941DC8007050892280DCFA432BFB',10,3,2,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000009',X'0193941DC800704F9825461003BA5491',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'89AA207E43F07502C684A42ED66382473817CEFAB7E8AD09414D2F995E84A9B6',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(82,X'0193941DC8007051BE9138D3E4607970',10,4,3,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000009',X'0193941DC8007050892280DCFA432BFB',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f1',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'0903F6A71DD5C1A2BF1034EB6A422801DA14E0917CC7B32112B98CFAD89841D3',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(83,X'0193941DC800705293EA9640E30294DC',10,5,4,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000009',X'0193941DC8007051BE9138D3E4607970',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,109,'https://github.com/ebaejun/tools/pull/109',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'F2F49CD9916781F32ECEA6692FF6729EFD6CFAE5FBD64FFB7F54C06712B4887D',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(84,X'0193941DC800705383F925153132BA38',10,6,5,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000009',X'0193941DC800705293EA9640E30294DC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'worker-1',1,1,4294967306,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'3E5E9E977B20E01B82DF467D95B853080588A9F262769CB74FE4D68DC5492E7A',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(85,X'0193941DC8007054A19163B1ACE6BBE4',10,7,6,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000009',X'0193941DC800705383F925153132BA38',NULL,NULL,NULL,NULL,NULL,NULL,'demo',NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f1',NULL,NULL,NULL,NULL,NULL,NULL,1,4294967306,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'3B354AD46ED5A4586CC28D44B7CCCB7C894C5C9399B822E3C8968AA49249878B',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(86,X'0193941DC80070558A7723408FCC84FC',10,8,10,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000009',X'0193941DC8007054A19163B1ACE6BBE4',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d9','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f1',NULL,NULL,NULL,NULL,NULL,1,4294967306,NULL,NULL,NULL,NULL,NULL,NULL,'{"deletions":4,"durationMs":12000,"filesChanged":2,"insertions":30,"outputDigest":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","outputSize":812}',X'D1180A40B97D772C80EF4F29CE512357E450C5805855B6222576C0BD4C68DF2B',X'945AD920AF5E36683E50A41E0EF9812B75F91FC29DBEAC08EE4596860B02DF4F',12345,678,11000,12300,250);
INSERT INTO "events" VALUES(87,X'0193941DC8007056B9E5AFCA216E9C02',10,9,7,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-000000000009',X'0193941DC80070558A7723408FCC84FC',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7d9',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'7B5D02B0C92B2B59E8B9935C50FC15943451C2397B564AB48F9FB0C786F3DFC7',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(88,X'0193941DC8007057BF2F895C56E4F7BD',11,1,1,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000a',NULL,'ebaejun/tools','feature/add-export-1733356800010',NULL,'local',1733356800010,5,'demo','personal-delegate','77',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attemptsMax":2,"draft":false}',X'5116BF775FDF4649665330F107EDAFBE81B7BD14EA9505A67C5EC5F011ACB72D',X'A982317537D5E683D63A109F9215B0E8AAB124626963BCD80C1D4AEA87BF05F5',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(89,X'0193941DC8007058BDD3B8171BBBA499',11,2,9,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000a',X'0193941DC8007057BF2F895C56E4F7BD',NULL,NULL,'main',NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'A0C7AB7BF2BA34097A52D55F26B0B0D777CC5A5448F83106D0C2E43696F15697',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(90,X'0193941DC8007059A02F693CB980177F',11,3,2,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000a',X'0193941DC8007058BDD3B8171BBBA499',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'1ED47276759DA639C9F53CCF05C3BDD14D07EDF78E4A3D145C343D769C05347C',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(91,X'0193941DC800705A90AE70492924236E',11,4,3,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000a',X'0193941DC8007059A02F693CB980177F',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f2',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'47860E74F12C18B3225BEC47B3D5A33AD1DA5575DF2C1EA35D66B9A8E648FBDB',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(92,X'0193941DC800705B818547FC907DCF74',11,5,4,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000a',X'0193941DC800705A90AE70492924236E',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,110,'https://github.com/ebaejun/tools/pull/110',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'869ACE973300991FFAC94C06416E085E1B0CB3C280F56D2793EF941D0DCCBFE7',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(93,X'0193941DC800705CBFB090C45E913AB7',11,6,5,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000a',X'0193941DC800705B818547FC907DCF74',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'worker-1',1,1,4294967307,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'96D6005AC6B21FE15B1FD2B190EEFB05831E8E716E08CB88C6AF9C706178D74B',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(94,X'0193941DC800705D9D8C5A40AAC0C1CA',11,7,6,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000a',X'0193941DC800705CBFB090C45E913AB7',NULL,NULL,NULL,NULL,NULL,NULL,'demo',NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f2',NULL,NULL,NULL,NULL,NULL,NULL,1,4294967307,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'9068F45B37E8DDB373B6B2A006EEEFC0811665F1487F33302B752AEF3ED87C12',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(95,X'0193941DC800705E80ACD8CBC8D40FA0',11,8,8,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000a',X'0193941DC800705D9D8C5A40AAC0C1CA',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'generate','agent-failed',NULL,NULL,NULL,1,NULL,X'AB53CAA829C0CF2DA4608C8247CA0A9199CADD743893445E19092AC6DA7BFDAE',X'E4F65E951FAA48F3518BD4BAB946CEDF0C7E566F187F4F61EBDEFEACD654AAF7',10,NULL,NULL,1,NULL);
INSERT INTO "events" VALUES(96,X'0193941DC800705F830D37B2B33957EC',12,1,1,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000b',NULL,'ebaejun/tools','feature/add-export-1733356800011',NULL,'local',1733356800011,5,'demo','personal-delegate','77',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"attemptsMax":2,"draft":false}',X'07DB7F665D71D5B7520D5881BC112F758B326ED165DD28A782DD120934A414E6',X'EF7A9E341F9DB5AC33EF18787B754D1CE43FABC728B2A49314E74CA3F77A71C6',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(97,X'0193941DC8007060876F389BF141D797',12,2,9,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000b',X'0193941DC800705F830D37B2B33957EC',NULL,NULL,'main',NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'39084BF7FF1D515E5186DBB2DB5E29CE187829A6ACA646EDA5235D9BC2933DAB',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(98,X'0193941DC800706184F2A5C3248EFCE2',12,3,2,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000b',X'0193941DC8007060876F389BF141D797',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'A18F854F04853BD34DF3E3765DEE4B8A3A36B1DB337DD3906B5226A84B3E2C7E',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(99,X'0193941DC8007062BD3BDA2386465466',12,4,3,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000b',X'0193941DC800706184F2A5C3248EFCE2',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f3',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'549BE26930D11352AB47971CE556A134C6A26316F863F4ED8E0CF2DE74DAB169',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(100,X'0193941DC8007063ACBE6FF00D7314CA',12,5,4,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000b',X'0193941DC8007062BD3BDA2386465466',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,111,'https://github.com/ebaejun/tools/pull/111',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'2E336327C96E2018AD2E112DC37D0D1BE0C708CFFEA9C87A48FDE0EA38095546',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(101,X'0193941DC8007064A697F5245044D51B',12,6,5,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000b',X'0193941DC8007063ACBE6FF00D7314CA',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'worker-1',1,1,4294967308,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'A52840222A8623C563742076D03835A01A2DC8FCCC127033A40A8DC37F49DF5C',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(102,X'0193941DC80070658ECFDF16CF3448C2',12,7,6,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000b',X'0193941DC8007064A697F5245044D51B',NULL,NULL,NULL,NULL,NULL,NULL,'demo',NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f3',NULL,NULL,NULL,NULL,NULL,NULL,1,4294967308,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'7702AEAA74BFDDA5D982586D9FC3DE325E034B8C5D41E63DE6793BD09FB99766',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(103,X'0193941DC80070669F38A84ACCC89DF8',12,8,10,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000b',X'0193941DC80070658ECFDF16CF3448C2',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7db','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa3f3',NULL,NULL,NULL,NULL,NULL,1,4294967308,NULL,NULL,NULL,NULL,NULL,NULL,'{"deletions":4,"durationMs":12000,"filesChanged":2,"insertions":30,"outputDigest":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","outputSize":812}',X'79C87D1B0667509FF5871EC66156BDC82A85D76FB550CBB7AFE367FFD2212511',X'ADD04A3EDA879D7C28C2A33D617F78065A77EFA78F0C17A09732F3BAE69D2951',12345,678,11000,12300,250);
INSERT INTO "events" VALUES(104,X'0193941DC8007067BB6DF2345724DEFE',12,9,7,1,1733356800000,'user','local','01890a5d-ac96-774b-bcce-00000000000b',X'0193941DC80070669F38A84ACCC89DF8',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa7db',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,X'44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A',X'7B14FB4B576860A525C0585912783CCDD3CFB805BDEC21FCDA569307598A5DFA',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE idempotency(
  key TEXT PRIMARY KEY,
  delegation TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT INTO "meta" VALUES('audit-position','104');
CREATE TABLE payloads(
  position INTEGER PRIMARY KEY REFERENCES events(position),
  salt BLOB NOT NULL,
  body TEXT NOT NULL
) STRICT;
INSERT INTO "payloads" VALUES(1,X'18226DCFCD7D24D34DA74FD51A09CB10','{"acceptanceCriteria":["Button appears","Export works"],"constraints":"Use existing button patterns","objective":"User can export data","prTitle":"feat: Add export button","title":"Add export button"}');
INSERT INTO "payloads" VALUES(8,X'BC382220C192D7C0C3BC57AB1F13520B','{"usage":"1.2 credits"}');
INSERT INTO "payloads" VALUES(10,X'25E618DD2113DD3886B30DD29B9F28B4','{"acceptanceCriteria":["Button appears","Export works"],"constraints":"Use existing button patterns","objective":"User can export data","prTitle":"feat: Add export button","title":"Add export button"}');
INSERT INTO "payloads" VALUES(17,X'B58A79D608F4B54102A38FF3FD3360DC','{"message":"it failed"}');
INSERT INTO "payloads" VALUES(18,X'D046F7CA065B881C69172676587CBDD3','{"acceptanceCriteria":["Button appears","Export works"],"constraints":"Use existing button patterns","objective":"User can export data","prTitle":"feat: Add export button","title":"Add export button"}');
INSERT INTO "payloads" VALUES(25,X'84AA93EED5A7CC59B737622C6740B83C','{"usage":"1.2 credits"}');
INSERT INTO "payloads" VALUES(27,X'B90C8CA970F67C6B5938719A67694EBC','{"acceptanceCriteria":["Button appears","Export works"],"constraints":"Use existing button patterns","objective":"User can export data","prTitle":"feat: Add export button","title":"Add export button"}');
INSERT INTO "payloads" VALUES(34,X'260752CE320CF755B8703F9956535076','{"usage":"1.2 credits"}');
INSERT INTO "payloads" VALUES(36,X'B8C8166B1E1AF59F0E56C8CCFD0F6B3A','{"acceptanceCriteria":["Button appears","Export works"],"constraints":"Use existing button patterns","objective":"User can export data","prTitle":"feat: Add export button","title":"Add export button"}');
INSERT INTO "payloads" VALUES(43,X'73AFB5F2F707B60BE88AE732402A8646','{"message":"it failed"}');
INSERT INTO "payloads" VALUES(44,X'AF51C4A837A35D5A145F49591BF9BEB8','{"acceptanceCriteria":["Button appears","Export works"],"constraints":"Use existing button patterns","objective":"User can export data","prTitle":"feat: Add export button","title":"Add export button"}');
INSERT INTO "payloads" VALUES(51,X'68BB8F97F96507F7FCEB357084B7AA9E','{"usage":"1.2 credits"}');
INSERT INTO "payloads" VALUES(53,X'E670E2356AEDFCD254349CB1FC26CDEF','{"acceptanceCriteria":["Button appears","Export works"],"constraints":"Use existing button patterns","objective":"User can export data","prTitle":"feat: Add export button","title":"Add export button"}');
INSERT INTO "payloads" VALUES(60,X'CBB65206A24C6F34CF243F5BEC669996','{"usage":"1.2 credits"}');
INSERT INTO "payloads" VALUES(62,X'7841438254F33A1119E11069C78E1E5A','{"acceptanceCriteria":["Button appears","Export works"],"constraints":"Use existing button patterns","objective":"User can export data","prTitle":"feat: Add export button","title":"Add export button"}');
INSERT INTO "payloads" VALUES(69,X'65316F232E79B4320940BBD349817B01','{"message":"it failed"}');
INSERT INTO "payloads" VALUES(70,X'008F813B01F4083D4507594ACF23089A','{"acceptanceCriteria":["Button appears","Export works"],"constraints":"Use existing button patterns","objective":"User can export data","prTitle":"feat: Add export button","title":"Add export button"}');
INSERT INTO "payloads" VALUES(77,X'C7CF3447A504407B8063EA3B6BF49614','{"usage":"1.2 credits"}');
INSERT INTO "payloads" VALUES(79,X'3E0FCAA0AA27D9209ECC9625CA12910B','{"acceptanceCriteria":["Button appears","Export works"],"constraints":"Use existing button patterns","objective":"User can export data","prTitle":"feat: Add export button","title":"Add export button"}');
INSERT INTO "payloads" VALUES(86,X'4CE1903F339BA676E855D9C80EFDDA7D','{"usage":"1.2 credits"}');
INSERT INTO "payloads" VALUES(88,X'14B9957115044B7CDC93412F75FF8290','{"acceptanceCriteria":["Button appears","Export works"],"constraints":"Use existing button patterns","objective":"User can export data","prTitle":"feat: Add export button","title":"Add export button"}');
INSERT INTO "payloads" VALUES(95,X'A51805001F3AA45996D2622C6CF40EB5','{"message":"it failed"}');
INSERT INTO "payloads" VALUES(96,X'87FF1BE809B6B8287AC3A9DAD0931775','{"acceptanceCriteria":["Button appears","Export works"],"constraints":"Use existing button patterns","objective":"User can export data","prTitle":"feat: Add export button","title":"Add export button"}');
INSERT INTO "payloads" VALUES(103,X'5C3CB112AE1FCB5E7FC26D475BE5A57A','{"usage":"1.2 credits"}');
CREATE TABLE pull_requests(
  repository TEXT NOT NULL,
  number INTEGER NOT NULL,
  url TEXT NOT NULL,
  branch TEXT NOT NULL,
  state TEXT NOT NULL,
  delegation TEXT NOT NULL,
  delegation_stamp INTEGER NOT NULL,
  delegation_state TEXT NOT NULL,
  PRIMARY KEY (repository, number)
) STRICT;
INSERT INTO "pull_requests" VALUES('ebaejun/tools',100,'https://github.com/ebaejun/tools/pull/100','feature/add-export-1733356800000','open','01890a5d-ac96-774b-bcce-000000000000',1733356800000,'Pushed');
INSERT INTO "pull_requests" VALUES('ebaejun/tools',101,'https://github.com/ebaejun/tools/pull/101','feature/add-export-1733356800001','open','01890a5d-ac96-774b-bcce-000000000001',1733356800001,'Failed');
INSERT INTO "pull_requests" VALUES('ebaejun/tools',102,'https://github.com/ebaejun/tools/pull/102','feature/add-export-1733356800002','open','01890a5d-ac96-774b-bcce-000000000002',1733356800002,'Pushed');
INSERT INTO "pull_requests" VALUES('ebaejun/tools',103,'https://github.com/ebaejun/tools/pull/103','feature/add-export-1733356800003','open','01890a5d-ac96-774b-bcce-000000000003',1733356800003,'Pushed');
INSERT INTO "pull_requests" VALUES('ebaejun/tools',104,'https://github.com/ebaejun/tools/pull/104','feature/add-export-1733356800004','open','01890a5d-ac96-774b-bcce-000000000004',1733356800004,'Failed');
INSERT INTO "pull_requests" VALUES('ebaejun/tools',105,'https://github.com/ebaejun/tools/pull/105','feature/add-export-1733356800005','open','01890a5d-ac96-774b-bcce-000000000005',1733356800005,'Pushed');
INSERT INTO "pull_requests" VALUES('ebaejun/tools',106,'https://github.com/ebaejun/tools/pull/106','feature/add-export-1733356800006','open','01890a5d-ac96-774b-bcce-000000000006',1733356800006,'Pushed');
INSERT INTO "pull_requests" VALUES('ebaejun/tools',107,'https://github.com/ebaejun/tools/pull/107','feature/add-export-1733356800007','open','01890a5d-ac96-774b-bcce-000000000007',1733356800007,'Failed');
INSERT INTO "pull_requests" VALUES('ebaejun/tools',108,'https://github.com/ebaejun/tools/pull/108','feature/add-export-1733356800008','open','01890a5d-ac96-774b-bcce-000000000008',1733356800008,'Pushed');
INSERT INTO "pull_requests" VALUES('ebaejun/tools',109,'https://github.com/ebaejun/tools/pull/109','feature/add-export-1733356800009','open','01890a5d-ac96-774b-bcce-000000000009',1733356800009,'Pushed');
INSERT INTO "pull_requests" VALUES('ebaejun/tools',110,'https://github.com/ebaejun/tools/pull/110','feature/add-export-1733356800010','open','01890a5d-ac96-774b-bcce-00000000000a',1733356800010,'Failed');
INSERT INTO "pull_requests" VALUES('ebaejun/tools',111,'https://github.com/ebaejun/tools/pull/111','feature/add-export-1733356800011','open','01890a5d-ac96-774b-bcce-00000000000b',1733356800011,'Pushed');
CREATE TABLE streams(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL
) STRICT;
INSERT INTO "streams" VALUES(1,'delegation-01890a5d-ac96-774b-bcce-000000000000',9);
INSERT INTO "streams" VALUES(2,'delegation-01890a5d-ac96-774b-bcce-000000000001',8);
INSERT INTO "streams" VALUES(3,'delegation-01890a5d-ac96-774b-bcce-000000000002',9);
INSERT INTO "streams" VALUES(4,'delegation-01890a5d-ac96-774b-bcce-000000000003',9);
INSERT INTO "streams" VALUES(5,'delegation-01890a5d-ac96-774b-bcce-000000000004',8);
INSERT INTO "streams" VALUES(6,'delegation-01890a5d-ac96-774b-bcce-000000000005',9);
INSERT INTO "streams" VALUES(7,'delegation-01890a5d-ac96-774b-bcce-000000000006',9);
INSERT INTO "streams" VALUES(8,'delegation-01890a5d-ac96-774b-bcce-000000000007',8);
INSERT INTO "streams" VALUES(9,'delegation-01890a5d-ac96-774b-bcce-000000000008',9);
INSERT INTO "streams" VALUES(10,'delegation-01890a5d-ac96-774b-bcce-000000000009',9);
INSERT INTO "streams" VALUES(11,'delegation-01890a5d-ac96-774b-bcce-00000000000a',8);
INSERT INTO "streams" VALUES(12,'delegation-01890a5d-ac96-774b-bcce-00000000000b',9);
CREATE TABLE view_digests(
  view TEXT PRIMARY KEY,
  position INTEGER NOT NULL,
  digest BLOB NOT NULL
, version INTEGER NOT NULL DEFAULT 1) STRICT;
INSERT INTO "view_digests" VALUES('delegations',104,X'74583D99C7E2978FF15133EE0495D292BEEBDA90C814573E2A7418FA06521C2C',1);
INSERT INTO "view_digests" VALUES('pull-requests',104,X'0D8977528C0B0DBE3D019453273C05FFE403D029E4BB25CC7A5B8BC66EDB6089',1);
INSERT INTO "view_digests" VALUES('workers',104,X'0000000000000000000000000000000000000000000000000000000000000000',1);
CREATE TABLE workers(
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  host TEXT NOT NULL,
  agents TEXT NOT NULL,
  version TEXT NOT NULL,
  incarnation INTEGER NOT NULL,
  local INTEGER NOT NULL,
  delegation TEXT,
  since INTEGER NOT NULL,
  restarts INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX delegations_by_stamp ON delegations(stamp);
CREATE INDEX delegations_by_state ON delegations(state, stamp);
CREATE INDEX delegations_by_repository ON delegations(repository, stamp);
CREATE INDEX delegations_by_requester ON delegations(requester, stamp);
CREATE INDEX pull_requests_by_stamp ON pull_requests(delegation_stamp);
CREATE UNIQUE INDEX events_by_stream ON events(stream, version);
CREATE INDEX delegations_by_branch ON delegations(branch);
CREATE INDEX delegations_by_pr ON delegations(pr) WHERE pr IS NOT NULL;
COMMIT;
